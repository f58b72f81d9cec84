package kafka_streams;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** {@code Main PROPERTIES FOREST TRANSACTIONS SCORES ALERTS}: scores until SIGTERM, or until it fails. */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Properties properties = new Properties();
        try (Reader file = Files.newBufferedReader(Path.of(arguments[0]))) {
            properties.load(file);
        }
        Forest forest = Forest.read(Path.of(arguments[1]));
        KafkaStreams streams =
                new KafkaStreams(topology(forest, arguments[2], arguments[3], arguments[4]), properties);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            if (now.hasCompletedShutdown()) {
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
        if (streams.state() == KafkaStreams.State.ERROR) {
            System.exit(1);
        }
    }

    private static Topology topology(Forest forest, String transactions, String scores, String alerts) {
        String source = "transactions";
        String scorer = "scorer";
        StoreBuilder<KeyValueStore<String, Profile>> profiles = Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(Scorer.PROFILES), Serdes.String(), new ProfileSerde())
                .withCachingEnabled();
        return new Topology()
                .addSource(source, new StringDeserializer(), Json.deserializer(Transaction.class), transactions)
                .addProcessor(scorer, () -> new Scorer(forest), source)
                .addStateStore(profiles, scorer)
                .addSink(Scorer.SCORES, scores, new StringSerializer(), Json.serializer(Score.class), scorer)
                .addSink(Scorer.ALERTS, alerts, new StringSerializer(), Json.serializer(Alert.class), scorer);
    }
}
