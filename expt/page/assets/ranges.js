// The range of numbers on an axis, as stored pictures have it: `expt.ground.ranges` has the rule, and
// its numbers stand before all modules.

// The lowest and the highest of those that are finite; the wrong way round where none is.
export function endsOf(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const x of numbers) {
    if (x === null) continue; // where a line has no point, and of a bar of colours
    if (x < low && x > -Infinity) low = x;
    if (x > high && x < Infinity) high = x;
  }
  return [low, high];
}

// What is shown of numbers that are equal but for rounding; null where they differ, or there are none.
export function flatRange([low, high]) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (!(low <= high && high - low <= Math.max(size * FLAT.rounding, FLAT.smallest))) return null;
  const margin = size ? Math.max(size * FLAT.around, FLAT.smallest) : FLAT.aroundZero;
  return [low - margin, high + margin];
}

// An axis of plotly for numbers: linear where they are equal but for rounding, whichever was asked for.
export function flattened(axis, numbers) {
  const flat = flatRange(endsOf(numbers));
  return flat ? { ...axis, type: "linear", autorangeoptions: { minallowed: flat[0], maxallowed: flat[1] } } : axis;
}
