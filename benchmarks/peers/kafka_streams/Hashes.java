package kafka_streams;

/** 64-bit FNV-1a with a last mixing, so that its low 32 bits serve alone. */
final class Hashes {
    private Hashes() {}

    static long of(String text) {
        long hash = 0xcbf29ce484222325L;
        for (int place = 0; place < text.length(); place++) {
            hash = (hash ^ text.charAt(place)) * 0x100000001b3L;
        }
        return hash ^ hash >>> 32;
    }
}
