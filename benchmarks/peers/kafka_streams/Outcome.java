package kafka_streams;

/** What goes out. */
sealed interface Outcome permits Score, Alert {}
