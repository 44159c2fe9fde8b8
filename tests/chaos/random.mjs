// Random choices that a seed decides (mulberry32).
export function randomOf(seed) {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    fraction,
    below: (n) => Math.floor(fraction() * n),
    between: (low, high) => low + fraction() * (high - low),
    of: (list) => list[Math.floor(fraction() * list.length)],
  };
}
