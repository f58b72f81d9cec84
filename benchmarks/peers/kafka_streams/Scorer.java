package kafka_streams;

import java.time.Instant;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Scores each transaction by its card's profile, which it keeps in the state store. */
final class Scorer implements Processor<String, Transaction, String, Outcome> {
    static final String PROFILES = "profiles";
    static final String SCORES = "scores";
    static final String ALERTS = "alerts";
    private static final String SCORED_BY = "forest";

    private final Forest forest;
    private ProcessorContext<String, Outcome> context;
    private KeyValueStore<String, Profile> profiles;

    Scorer(Forest forest) {
        this.forest = forest;
    }

    @Override
    public void init(ProcessorContext<String, Outcome> context) {
        this.context = context;
        profiles = context.getStateStore(PROFILES);
    }

    @Override
    public void process(Record<String, Transaction> record) {
        Transaction transaction = record.value();
        Profile kept = profiles.get(record.key());
        Profile profile = kept == null ? new Profile() : kept;
        long content = content(transaction);
        if (profile.holds(content)) {
            return;
        }
        Score score = score(transaction, Features.fold(transaction, content, profile));
        profiles.put(record.key(), profile);
        context.forward(record.withValue(score), SCORES);
        if (score.decision() != Decision.APPROVE) {
            context.forward(record.withValue(Alert.of(transaction, score)), ALERTS);
        }
    }

    private static long content(Transaction transaction) {
        return Hashes.of(String.join(
                "\0",
                transaction.transactionId(),
                transaction.counterparty(),
                Double.toString(transaction.eventSeconds()),
                transaction.accountAmount().toPlainString()));
    }

    private Score score(Transaction transaction, float[] features) {
        double score = forest.score(features);
        return new Score(
                transaction.transactionId(),
                transaction.eventTime(),
                transaction.cardId(),
                transaction.counterparty(),
                score,
                forest.decide(score),
                forest.reviewThreshold(),
                SCORED_BY,
                features,
                Instant.now());
    }
}
