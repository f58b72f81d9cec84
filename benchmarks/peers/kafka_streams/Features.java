package kafka_streams;

/** The row that the forest sees: EVENT and PROFILE of models/scoring/features.py, clipped to the same bounds. */
final class Features {
    private static final int EVENT = 4;
    private static final int PROFILE = 21;
    private static final double DAY = 86_400.0;
    private static final double HOUR = 3_600.0;
    private static final double MOST = 1e6;
    private static final double MONEY = 1e18;
    private static final double[] HIGH = {
        MONEY, 24, 1, 1, // amount, hour, weekend, night
        MOST, MOST, MOST, MONEY, MONEY, MONEY, // counts and means that fade over 1, 7 and 30 days
        MONEY, MONEY, 1_000, 50, MOST, // own mean and deviation, ratio, z, unusually high amounts
        30 * DAY, 1, 1, // gap, new counterparty, other country
        MOST, MOST, MOST, MONEY, MONEY, MONEY, MOST // windows of 10 minutes, 1 and 24 hours; counterparties
    };
    private static final int AMOUNT_Z = EVENT + 9;
    private static final double LEAST_Z = -10;

    private Features() {}

    /** Takes the transaction into the profile; returns what the forest sees of it. */
    static float[] fold(Transaction transaction, long content, Profile profile) {
        double time = transaction.eventSeconds();
        double amount = transaction.accountAmount().doubleValue();
        double[] columns = new double[EVENT + PROFILE];
        double days = Math.floor(time / DAY);
        double hour = (time - days * DAY) / HOUR;
        columns[0] = amount;
        columns[1] = hour;
        columns[2] = (days + 3) % 7 >= 5 ? 1 : 0; // 1970-01-01 was a Thursday
        columns[3] = hour < 7 ? 1 : 0;
        int counterparty = (int) Hashes.of(transaction.counterparty());
        profile.fold(time, amount, country(transaction), counterparty, content, columns, EVENT);
        return clipped(columns);
    }

    private static short country(Transaction transaction) {
        String letters = transaction.country();
        return letters == null ? Profile.NO_COUNTRY : (short) (letters.charAt(0) << 8 | letters.charAt(1));
    }

    private static float[] clipped(double[] columns) {
        float[] row = new float[columns.length];
        for (int column = 0; column < row.length; column++) {
            double low = column == AMOUNT_Z ? LEAST_Z : 0;
            row[column] = (float) Math.min(Math.max(columns[column], low), HIGH[column]);
        }
        return row;
    }
}
