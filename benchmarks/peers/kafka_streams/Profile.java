package kafka_streams;

/** What is kept of one card: the mathematics of benchmarks/stages/plain_profiles.py. Times are seconds since 1970. */
final class Profile {
    static final short NO_COUNTRY = 0;
    static final int RECENT = 32;
    static final int COUNTERPARTIES = 16;
    static final int SUMS = 12;

    private static final double HOUR = 3_600.0;
    private static final double DAY = 86_400.0;
    private static final double[] WINDOWS = {600.0, HOUR, DAY};
    private static final double[] TIME_CONSTANTS = {HOUR, DAY, 7 * DAY, 30 * DAY, 60 * DAY, 14 * DAY};
    /** Which time constant each sum fades by. */
    private static final int[] FADES_BY = {0, 1, 2, 3, 0, 1, 2, 3, 4, 4, 4, 5};

    private static final int COUNTS = 0;
    private static final int AMOUNTS = 4;
    private static final int WEIGHT = 8;
    private static final int TOTAL = 9;
    private static final int SQUARES = 10;
    private static final int HIGH_AMOUNTS = 11;

    private static final double HIGH_RATIO = 2.5;
    private static final double SMALLEST_AMOUNT = 0.01;
    private static final double FORGOTTEN = 1e-9;
    private static final double USUAL_DEVIATION = 0.5;

    double newest = Double.NEGATIVE_INFINITY;
    short country = NO_COUNTRY;
    final double[] sums = new double[SUMS];
    /** The last transactions that came: a ring, the oldest at {@code next} once it is full. */
    final long[] recentContents = new long[RECENT];
    final double[] recentTimes = new double[RECENT];
    final float[] recentAmounts = new float[RECENT];
    final int[] recentCounterparties = new int[RECENT];
    int recentCount;
    int next;
    /** Hashes of counterparties, the last used first. */
    final int[] counterparties = new int[COUNTERPARTIES];
    int counterpartyCount;

    /** Whether a transaction of this content is among the last ones of the card. */
    boolean holds(long content) {
        for (int place = 0; place < recentCount; place++) {
            if (recentContents[place] == content) {
                return true;
            }
        }
        return false;
    }

    /**
     * Takes in a transaction and writes what it saw: 21 columns, in the order of PROFILE in models/scoring/features.py.
     *
     * @param view the columns
     * @param first where the first of them goes
     */
    void fold(double time, double amount, short place, int counterparty, long content, double[] view, int first) {
        foldSums(time, amount, view, first);
        viewWindows(time, amount, counterparty, view, first);
        view[first + 12] = knows(counterparty) ? 0.0 : 1.0;
        view[first + 13] = place != NO_COUNTRY && country != NO_COUNTRY && place != country ? 1.0 : 0.0;
        remember(time, amount, place, counterparty, content);
    }

    private void foldSums(double time, double amount, double[] view, int first) {
        double age = time - newest;
        fade(sums, Math.max(age, 0.0));
        boolean high = viewAmount(amount, view, first + 6);
        double[] added = {1, 1, 1, 1, amount, amount, amount, amount, 1, amount, amount * amount, high ? 1 : 0};
        if (age < 0.0) {
            fade(added, -age);
        }
        for (int sum = 0; sum < SUMS; sum++) {
            sums[sum] += added[sum];
        }
        for (int span = 0; span < 3; span++) {
            double count = sums[COUNTS + 1 + span];
            view[first + span] = count;
            view[first + 3 + span] = sums[AMOUNTS + 1 + span] / Math.max(count, FORGOTTEN);
        }
    }

    private static void fade(double[] sums, double age) {
        double[] kept = new double[TIME_CONSTANTS.length];
        for (int each = 0; each < kept.length; each++) {
            kept[each] = Math.exp(-age / TIME_CONSTANTS[each]);
        }
        for (int sum = 0; sum < SUMS; sum++) {
            sums[sum] *= kept[FADES_BY[sum]];
        }
    }

    /** Writes the amount against the card's own history; whether it is unusually high. */
    private boolean viewAmount(double amount, double[] view, int first) {
        double weight = sums[WEIGHT];
        double mean = weight > FORGOTTEN ? sums[TOTAL] / weight : amount;
        double squares = Math.max(sums[SQUARES] - weight * mean * mean, 0.0);
        double usual = USUAL_DEVIATION * mean;
        double deviation = Math.sqrt((squares + usual * usual) / (weight + 1.0));
        double ratio = amount / Math.max(mean, SMALLEST_AMOUNT);
        view[first] = mean;
        view[first + 1] = deviation;
        view[first + 2] = ratio;
        view[first + 3] = (amount - mean) / Math.max(deviation, SMALLEST_AMOUNT);
        view[first + 4] = sums[HIGH_AMOUNTS];
        return ratio > HIGH_RATIO;
    }

    /** Writes the gap, and counts, amounts and counterparties of the windows that end with the transaction. */
    private void viewWindows(double time, double amount, int counterparty, double[] view, int first) {
        double gap = Double.POSITIVE_INFINITY;
        int[] counts = {1, 1, 1};
        double[] amounts = {amount, amount, amount};
        int[] met = new int[RECENT + 1];
        met[0] = counterparty;
        int distinct = 1;
        for (int place = 0; place < recentCount; place++) {
            double age = time - recentTimes[place];
            if (age < 0.0) {
                continue;
            }
            gap = Math.min(gap, age);
            for (int window = WINDOWS.length - 1; window >= 0 && age < WINDOWS[window]; window--) {
                counts[window]++;
                amounts[window] += recentAmounts[place];
            }
            if (age < DAY && indexOf(recentCounterparties[place], met, distinct) < 0) {
                met[distinct++] = recentCounterparties[place];
            }
        }
        view[first + 11] = gap;
        for (int window = 0; window < WINDOWS.length; window++) {
            view[first + 14 + window] = counts[window];
            view[first + 17 + window] = amounts[window];
        }
        view[first + 20] = distinct;
    }

    private boolean knows(int counterparty) {
        return indexOf(counterparty, counterparties, counterpartyCount) >= 0
                || indexOf(counterparty, recentCounterparties, recentCount) >= 0;
    }

    private void remember(double time, double amount, short place, int counterparty, long content) {
        counterpartyCount = moveToFront(counterparty);
        if (place != NO_COUNTRY && time >= newest) {
            country = place;
        }
        newest = Math.max(newest, time);
        recentTimes[next] = time;
        recentContents[next] = content;
        recentAmounts[next] = (float) amount;
        recentCounterparties[next] = counterparty;
        recentCount = Math.min(recentCount + 1, RECENT);
        next = (next + 1) % RECENT;
    }

    /** Puts a counterparty first; the one used longest ago makes room for a new one. Returns how many are held. */
    private int moveToFront(int counterparty) {
        int held = indexOf(counterparty, counterparties, counterpartyCount);
        int count = held >= 0 ? counterpartyCount : Math.min(counterpartyCount + 1, COUNTERPARTIES);
        System.arraycopy(counterparties, 0, counterparties, 1, held >= 0 ? held : count - 1);
        counterparties[0] = counterparty;
        return count;
    }

    private static int indexOf(int wanted, int[] among, int count) {
        for (int place = 0; place < count; place++) {
            if (among[place] == wanted) {
                return place;
            }
        }
        return -1;
    }
}
