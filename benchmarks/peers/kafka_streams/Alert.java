package kafka_streams;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.OffsetDateTime;

/** A transaction to look at. */
record Alert(
        String transactionId,
        OffsetDateTime eventTime,
        String subject,
        String counterparty,
        BigDecimal amount,
        double score,
        Decision decision,
        double threshold,
        String scoredBy,
        Instant scoredAt)
        implements Outcome {

    static Alert of(Transaction transaction, Score score) {
        return new Alert(
                score.transactionId(),
                score.eventTime(),
                score.subject(),
                score.counterparty(),
                transaction.accountAmount(),
                score.score(),
                score.decision(),
                score.threshold(),
                score.scoredBy(),
                score.scoredAt());
    }
}
