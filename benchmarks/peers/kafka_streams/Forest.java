package kafka_streams;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Decision trees laid out one after the other in plain arrays; a child's place is counted from the first tree. */
final class Forest {
    private static final int LEAF = -1;

    /** forest.json. */
    private record Model(int features, double reviewThreshold, double declineThreshold, List<Tree> trees) {}

    /** One tree: node 0 is its root, a child's place is counted from there. */
    private record Tree(int[] feature, float[] threshold, int[] left, int[] right, double[] value) {}

    private final double reviewThreshold;
    private final double declineThreshold;
    private final int[] roots;
    private final int[] feature;
    private final float[] threshold;
    private final int[] left;
    private final int[] right;
    private final double[] value;

    static Forest read(Path file) throws IOException {
        return new Forest(Json.read(file, Model.class));
    }

    private Forest(Model model) {
        int nodes = model.trees().stream().mapToInt(tree -> tree.feature().length).sum();
        reviewThreshold = model.reviewThreshold();
        declineThreshold = model.declineThreshold();
        roots = new int[model.trees().size()];
        feature = new int[nodes];
        threshold = new float[nodes];
        left = new int[nodes];
        right = new int[nodes];
        value = new double[nodes];
        int node = 0;
        for (int number = 0; number < roots.length; number++) {
            Tree tree = model.trees().get(number);
            int root = roots[number] = node;
            for (int place = 0; place < tree.feature().length; place++, node++) {
                feature[node] = tree.feature()[place];
                threshold[node] = tree.threshold()[place];
                left[node] = root + tree.left()[place];
                right[node] = root + tree.right()[place];
                value[node] = tree.value()[place];
            }
        }
    }

    double reviewThreshold() {
        return reviewThreshold;
    }

    /** The mean of the leaves that the row falls into. */
    double score(float[] row) {
        double sum = 0.0;
        for (int node : roots) {
            while (feature[node] != LEAF) {
                node = row[feature[node]] <= threshold[node] ? left[node] : right[node];
            }
            sum += value[node];
        }
        return sum / roots.length;
    }

    Decision decide(double score) {
        if (score >= declineThreshold) {
            return Decision.DECLINE;
        }
        return score >= reviewThreshold ? Decision.REVIEW : Decision.APPROVE;
    }
}
