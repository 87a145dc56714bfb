// TEST CODE. What was recorded of the pretend cluster: waves, with a gap where the host was off.
const GIB = 1024 ** 3;
const FRAMES = {
  hour: [60, 60],
  day: [60, 1440],
  week: [1800, 336],
  month: [1800, 1440],
  year: [21600, 1440],
};

const wave = (i, low, high, length = 37) =>
  low + (high - low) * (0.5 + 0.5 * Math.sin((2 * Math.PI * i) / length));

const NODE = (i) => ({
  cpu: wave(i, 0.04, 0.35),
  iowait: wave(i, 0, 0.03, 11),
  loadavg: wave(i, 0.2, 3),
  memused: wave(i, 8 * GIB, 11 * GIB, 53),
  memtotal: 32 * GIB,
  rootused: 12.4 * GIB,
  roottotal: 94 * GIB,
  netin: wave(i, 20_000, 4_000_000),
  netout: wave(i, 5_000, 900_000, 17),
  pressurecpusome: wave(i, 0, 0.08),
  pressureiosome: wave(i, 0, 0.02, 23),
  pressurememorysome: 0,
});

const GUEST = (i) => ({
  cpu: wave(i, 0.01, 0.6, 23),
  mem: wave(i, 0.5 * GIB, 1.4 * GIB),
  maxmem: 2 * GIB,
  netin: wave(i, 0, 300_000),
  netout: wave(i, 0, 1_300_000, 19),
  diskread: wave(i, 0, 8_000_000, 13),
  diskwrite: wave(i, 0, 2_000_000, 29),
});

const STORAGE = (i) => ({ used: (12 + i / 2000) * GIB, total: 94 * GIB });

function rows(values) {
  return (world, _path, { timeframe }) => {
    if (world.historyFails)
      throw { status: 500, message: "history: cannot be read" };
    if (world.withoutHistory) return [];
    const [each, count] = FRAMES[timeframe];
    const end = Math.floor(Date.now() / 1000 / each) * each;
    return Array.from({ length: count }, (_, i) => {
      const off = i > count / 4 && i < count / 3;
      return { time: end - (count - 1 - i) * each, ...(!off && values(i)) };
    });
  };
}

export const HISTORY_ROUTES = {
  "GET /nodes/{node}/rrddata": rows(NODE),
  "GET /nodes/{node}/qemu/{vmid}/rrddata": rows(GUEST),
  "GET /nodes/{node}/lxc/{vmid}/rrddata": rows(GUEST),
  "GET /nodes/{node}/storage/{storage}/rrddata": rows(STORAGE),
};
