package kafka_streams;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is advised. */
enum Decision {
    @JsonProperty("approve")
    APPROVE,
    @JsonProperty("review")
    REVIEW,
    @JsonProperty("decline")
    DECLINE
}
