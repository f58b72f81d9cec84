package kafka_streams;

import java.math.BigDecimal;
import java.time.OffsetDateTime;
import java.util.Currency;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** A card payment as it comes; what is not needed here is not read, what is wrong is refused. */
record Transaction(
        String transactionId,
        OffsetDateTime eventTime,
        String cardId,
        String merchantId,
        String terminalId,
        BigDecimal amount,
        BigDecimal billingAmount,
        String currency,
        String country) {

    private static final Set<String> COUNTRIES = Locale.getISOCountries(Locale.IsoCountryCode.PART1_ALPHA2);
    private static final Set<String> CURRENCIES = Currency.getAvailableCurrencies().stream()
            .map(Currency::getCurrencyCode)
            .collect(Collectors.toUnmodifiableSet());

    Transaction {
        requireText("transaction_id", transactionId);
        requireText("card_id", cardId);
        requireText("merchant_id", merchantId);
        require(eventTime != null, "event_time must be there");
        require(amount != null && amount.signum() >= 0, "amount must be there and not negative");
        require(billingAmount == null || billingAmount.signum() >= 0, "billing_amount must not be negative");
        require(CURRENCIES.contains(currency), "currency must be a code of ISO 4217");
        require(country == null || COUNTRIES.contains(country), "country must be a code of ISO 3166-1");
    }

    /** Who was paid: the terminal where one is named, else the merchant. */
    String counterparty() {
        return terminalId != null ? terminalId : merchantId;
    }

    /** The amount on the card's account, in major units. */
    BigDecimal accountAmount() {
        return billingAmount != null ? billingAmount : amount;
    }

    /** Seconds since 1970, to the microsecond. */
    double eventSeconds() {
        return (eventTime.toEpochSecond() * 1_000_000 + eventTime.getNano() / 1_000) / 1e6;
    }

    private static void requireText(String name, String text) {
        require(text != null && !text.isBlank(), name + " must be there");
    }

    private static void require(boolean right, String sentence) {
        if (!right) {
            throw new IllegalArgumentException(sentence);
        }
    }
}
