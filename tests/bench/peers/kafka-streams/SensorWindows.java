import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.WindowStore;

/**
 * What a node does with a topic of readings, by Kafka Streams: of every sensor and channel count, sum, minimum, maximum
 * and the sum of squared deviations, in panes of a minute, kept for 12 hours. Exactly once, by transactions.
 *
 * Arguments: brokers, topic, records, commit interval (ms), stream threads, "keyed" or "rekeyed", partitions of what is
 * re-keyed, application id, state folder.
 *
 * Prints "first" with the first record; "last {...}" with the last, of as many as the topic has; then a line
 * "sensor {...}" for each, with what its panes add up to; then "end".
 */
public final class SensorWindows {
  private static final String STORE = "panes";
  private static final Duration PANE = Duration.ofMinutes(1);
  private static final Duration KEPT = Duration.ofHours(12);

  /** One record: an id, an event time, and a value a channel. A boolean counts as 0 or 1. */
  static final class Reading {
    final byte[] json;
    String id = "";
    long ts;
    int size;
    String[] channels = new String[4];
    double[] values = new double[4];

    Reading(byte[] json) {
      this.json = json;
    }

    void add(String channel, double value) {
      if (size == channels.length) {
        channels = Arrays.copyOf(channels, 2 * size);
        values = Arrays.copyOf(values, 2 * size);
      }
      channels[size] = channel;
      values[size++] = value;
    }
  }

  /** The JSON of a reading. By Jackson's stream parser, without a tree: the fastest that Kafka's own jars offer. */
  static final class ReadingSerde implements Serializer<Reading>, Deserializer<Reading> {
    private final JsonFactory factory = new JsonFactory();

    @Override
    public byte[] serialize(String topic, Reading reading) {
      return reading == null ? null : reading.json;
    }

    @Override
    public Reading deserialize(String topic, byte[] json) {
      if (json == null) return null;
      Reading reading = new Reading(json);
      try (JsonParser parser = factory.createParser(json)) {
        parser.nextToken();
        readFields(parser, reading);
      } catch (IOException cause) {
        throw new IllegalArgumentException("A record is no reading", cause);
      }
      return reading;
    }

    private static void readFields(JsonParser parser, Reading reading) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken token = parser.nextToken();
        switch (name) {
          case "id" -> reading.id = parser.getText();
          case "ts" -> reading.ts = parser.getLongValue();
          case "values" -> readFields(parser, reading);
          default -> reading.add(name, valueOf(parser, token));
        }
      }
    }

    private static double valueOf(JsonParser parser, JsonToken token) throws IOException {
      return switch (token) {
        case VALUE_TRUE -> 1;
        case VALUE_FALSE -> 0;
        case VALUE_STRING -> {
          String text = parser.getText();
          yield text.equals("true") ? 1 : text.equals("false") ? 0 : Double.parseDouble(text);
        }
        default -> parser.getDoubleValue();
      };
    }

    @Override
    public void configure(Map<String, ?> configuration, boolean isKey) {}

    @Override
    public void close() {}
  }

  /** A sensor's minute: a channel each. */
  static final class Pane {
    int size;
    String[] channels = new String[4];
    int[] counts = new int[4];
    /** Sum, sum of squared deviations, minimum, maximum of each. */
    double[] numbers = new double[16];

    Pane add(Reading reading) {
      for (int i = 0; i < reading.size; i++) add(placeOf(reading.channels[i]), reading.values[i]);
      return this;
    }

    /** Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979. */
    private void add(int place, double value) {
      int at = 4 * place;
      int count = counts[place]++;
      double sum = numbers[at];
      numbers[at] = sum + value;
      if (count == 0) {
        numbers[at + 2] = numbers[at + 3] = value;
        return;
      }
      double deviation = value - sum / count;
      numbers[at + 1] += deviation * deviation * count / (count + 1);
      numbers[at + 2] = Math.min(numbers[at + 2], value);
      numbers[at + 3] = Math.max(numbers[at + 3], value);
    }

    private int placeOf(String channel) {
      for (int i = 0; i < size; i++) if (channels[i].equals(channel)) return i;
      return grow(channel);
    }

    int grow(String channel) {
      if (size == channels.length) {
        channels = Arrays.copyOf(channels, 2 * size);
        counts = Arrays.copyOf(counts, 2 * size);
        numbers = Arrays.copyOf(numbers, 8 * size);
      }
      channels[size] = channel;
      return size++;
    }
  }

  /** Of a channel: its name's length and name, count, and four numbers. */
  static final class PaneSerde implements Serializer<Pane>, Deserializer<Pane> {
    @Override
    public byte[] serialize(String topic, Pane pane) {
      if (pane == null) return null;
      int bytes = 0;
      for (int i = 0; i < pane.size; i++) bytes += 1 + pane.channels[i].length() + 4 + 32;
      ByteBuffer buffer = ByteBuffer.allocate(bytes);
      for (int i = 0; i < pane.size; i++) {
        byte[] name = pane.channels[i].getBytes(StandardCharsets.ISO_8859_1);
        buffer.put((byte) name.length).put(name).putInt(pane.counts[i]);
        for (int n = 4 * i; n < 4 * i + 4; n++) buffer.putDouble(pane.numbers[n]);
      }
      return buffer.array();
    }

    @Override
    public Pane deserialize(String topic, byte[] bytes) {
      if (bytes == null) return null;
      Pane pane = new Pane();
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        int length = buffer.get();
        int place = pane.grow(new String(bytes, buffer.position(), length, StandardCharsets.ISO_8859_1));
        buffer.position(buffer.position() + length);
        pane.counts[place] = buffer.getInt();
        for (int n = 4 * place; n < 4 * place + 4; n++) pane.numbers[n] = buffer.getDouble();
      }
      return pane;
    }

    @Override
    public void configure(Map<String, ?> configuration, boolean isKey) {}

    @Override
    public void close() {}
  }

  /** Counts records, and tells of the first and the last. */
  static final class Progress {
    private final long wanted;
    private final AtomicLong seen = new AtomicLong();
    private final OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private volatile long firstNanos;
    private volatile long firstCpuNanos;
    final CountDownLatch all = new CountDownLatch(1);

    Progress(long wanted) {
      this.wanted = wanted;
    }

    void add() {
      long count = seen.incrementAndGet();
      if (count == 1) {
        firstNanos = System.nanoTime();
        firstCpuNanos = system.getProcessCpuTime();
        System.out.println("first");
      }
      if (count == wanted) {
        double seconds = (System.nanoTime() - firstNanos) / 1e9;
        double cpuSeconds = (system.getProcessCpuTime() - firstCpuNanos) / 1e9;
        System.out.println(
            "last {\"records\":" + count + ",\"seconds\":" + seconds + ",\"cpuSeconds\":" + cpuSeconds + "}");
        all.countDown();
      }
    }
  }

  public static void main(String[] args) throws Exception {
    String topic = args[1];
    Progress progress = new Progress(Long.parseLong(args[2]));
    boolean isRekeyed = args[5].equals("rekeyed");
    int partitions = Integer.parseInt(args[6]);

    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, args[7]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, args[8]);
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, args[3]);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, args[4]);
    // The default of 10 MiB holds the open panes of fewer sensors than there are.
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64 * 1024 * 1024);
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");

    StreamsBuilder builder = new StreamsBuilder();
    Serde<Reading> reading = Serdes.serdeFrom(new ReadingSerde(), new ReadingSerde());
    Serde<Pane> pane = Serdes.serdeFrom(new PaneSerde(), new PaneSerde());
    KStream<String, Reading> readings = builder.stream(
        topic,
        Consumed.with(Serdes.String(), reading)
            .withTimestampExtractor((record, partitionTime) -> ((Reading) record.value()).ts));
    if (isRekeyed) {
      readings = readings
          .selectKey((key, value) -> value.id)
          .repartition(Repartitioned.with(Serdes.String(), reading).withNumberOfPartitions(partitions));
    }
    readings
        .groupByKey(Grouped.with(Serdes.String(), reading))
        .windowedBy(TimeWindows.ofSizeAndGrace(PANE, KEPT))
        .aggregate(
            Pane::new,
            (id, value, before) -> {
              progress.add();
              return before.add(value);
            },
            Materialized.<String, Pane, WindowStore<Bytes, byte[]>>as(STORE)
                .withKeySerde(Serdes.String())
                .withValueSerde(pane)
                .withRetention(KEPT.plus(PANE)));

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    streams.setUncaughtExceptionHandler(thrown -> {
      thrown.printStackTrace();
      Runtime.getRuntime().halt(1);
      return null;
    });
    streams.start();
    progress.all.await();
    printSums(streams);
    System.out.println("end");
    streams.close(Duration.ofSeconds(30));
  }

  /** Of every sensor: by channel count, sum, minimum and maximum over its panes. */
  private static void printSums(KafkaStreams streams) {
    Map<String, Map<String, double[]>> sums = new HashMap<>();
    var store = streams.store(
        StoreQueryParameters.fromNameAndType(STORE, QueryableStoreTypes.<String, Pane>windowStore()));
    try (KeyValueIterator<Windowed<String>, Pane> all = store.all()) {
      while (all.hasNext()) {
        KeyValue<Windowed<String>, Pane> next = all.next();
        addTo(sums.computeIfAbsent(next.key.key(), (id) -> new TreeMap<>()), next.value);
      }
    }
    StringBuilder text = new StringBuilder();
    sums.forEach((id, channels) -> {
      text.append("sensor {\"id\":\"").append(id).append("\",\"channels\":{");
      String separator = "";
      for (Map.Entry<String, double[]> channel : channels.entrySet()) {
        text.append(separator).append('"').append(channel.getKey()).append("\":")
            .append(Arrays.toString(channel.getValue()));
        separator = ",";
      }
      text.append("}}\n");
    });
    System.out.print(text);
  }

  private static void addTo(Map<String, double[]> sums, Pane pane) {
    for (int i = 0; i < pane.size; i++) {
      double[] sum = sums.computeIfAbsent(
          pane.channels[i], (channel) -> new double[] {0, 0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY});
      sum[0] += pane.counts[i];
      sum[1] += pane.numbers[4 * i];
      sum[2] = Math.min(sum[2], pane.numbers[4 * i + 2]);
      sum[3] = Math.max(sum[3], pane.numbers[4 * i + 3]);
    }
  }
}
