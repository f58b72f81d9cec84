package kafka_streams;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/** A profile as bytes: the fixed part, then only those places of its lists that are in use; 941 bytes at most. */
final class ProfileSerde implements Serde<Profile> {
    private static final int FIXED =
            Byte.BYTES * 3 + Short.BYTES + Double.BYTES + Double.BYTES * Profile.SUMS;
    private static final int RECENT = Double.BYTES + Long.BYTES + Float.BYTES + Integer.BYTES;

    @Override
    public Serializer<Profile> serializer() {
        return (topic, profile) -> profile == null ? null : pack(profile);
    }

    @Override
    public Deserializer<Profile> deserializer() {
        return (topic, bytes) -> bytes == null ? null : unpack(ByteBuffer.wrap(bytes));
    }

    private static byte[] pack(Profile profile) {
        int lists = RECENT * profile.recentCount + Integer.BYTES * profile.counterpartyCount;
        ByteBuffer bytes = ByteBuffer.allocate(FIXED + lists);
        bytes.put((byte) profile.recentCount);
        bytes.put((byte) profile.next);
        bytes.put((byte) profile.counterpartyCount);
        bytes.putShort(profile.country);
        bytes.putDouble(profile.newest);
        for (double sum : profile.sums) {
            bytes.putDouble(sum);
        }
        for (int place = 0; place < profile.recentCount; place++) {
            bytes.putDouble(profile.recentTimes[place]);
            bytes.putLong(profile.recentContents[place]);
            bytes.putFloat(profile.recentAmounts[place]);
            bytes.putInt(profile.recentCounterparties[place]);
        }
        for (int place = 0; place < profile.counterpartyCount; place++) {
            bytes.putInt(profile.counterparties[place]);
        }
        return bytes.array();
    }

    private static Profile unpack(ByteBuffer bytes) {
        Profile profile = new Profile();
        profile.recentCount = bytes.get();
        profile.next = bytes.get();
        profile.counterpartyCount = bytes.get();
        profile.country = bytes.getShort();
        profile.newest = bytes.getDouble();
        for (int sum = 0; sum < Profile.SUMS; sum++) {
            profile.sums[sum] = bytes.getDouble();
        }
        for (int place = 0; place < profile.recentCount; place++) {
            profile.recentTimes[place] = bytes.getDouble();
            profile.recentContents[place] = bytes.getLong();
            profile.recentAmounts[place] = bytes.getFloat();
            profile.recentCounterparties[place] = bytes.getInt();
        }
        for (int place = 0; place < profile.counterpartyCount; place++) {
            profile.counterparties[place] = bytes.getInt();
        }
        return profile;
    }
}
