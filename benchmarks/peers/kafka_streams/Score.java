package kafka_streams;

import java.time.Instant;
import java.time.OffsetDateTime;

/** A scored transaction with the row that it was scored on. */
record Score(
        String transactionId,
        OffsetDateTime eventTime,
        String subject,
        String counterparty,
        double score,
        Decision decision,
        double threshold,
        String scoredBy,
        float[] features,
        Instant scoredAt)
        implements Outcome {}
