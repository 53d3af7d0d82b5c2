/** Of the waits, those that may be left out: pauses, missed beats and visits of another program. */
const leftOutShareMax = 0.5;

/**
 * Probability, or a little more, that visits at random come out as even as these.
 * Visits at random are those of a Poisson process of whatever rate, whose waits are
 * exponential; people are less even still, because they come in bursts.
 *
 * The measure is the squared deviation of the waits from their mean, the oddest of them
 * left out. Each number left out is a test of its own, and each choice of which a row of
 * its own; the probabilities of all of them together bound that of the best.
 * @param waits time from when another visit could have counted to the next one
 */
export function evenByChance(waits: readonly number[]): number {
  const closest = byCloseness(waits);
  const looks = 1 + Math.floor(waits.length * leftOutShareMax);
  let lnLeast = 0;
  let [sum, squares] = [0, 0];
  closest.forEach((wait, index) => {
    const kept = index + 1;
    sum += wait;
    squares += wait * wait;
    if (sum <= 0 || waits.length - kept >= looks) return;
    const deviation = Math.max(0, (squares * kept * kept) / (sum * sum) - kept);
    lnLeast = Math.min(
      lnLeast,
      lnChoices(waits.length, kept) + lnChanceOf(kept, deviation) + Math.log(looks),
    );
  });
  return Math.exp(lnLeast);
}

/**
 * Logarithm of the probability that `count` exponential waits, in units of their mean,
 * deviate from it by squares that sum up to `deviation` or less. In these units all rows
 * are equally likely: points of the simplex whose coordinates sum up to `count`. Those in
 * question are a ball around its middle. This is the lower tail of Greenwood's statistic,
 * exact where the ball lies within the simplex and too much otherwise.
 */
function lnChanceOf(count: number, deviation: number): number {
  const dimensions = count - 1;
  const lnBall = (dimensions / 2) * Math.log(Math.PI * deviation) - lnFactorial(dimensions / 2);
  const lnSimplex = Math.log(count) * (dimensions + 0.5) - lnFactorial(dimensions);
  return dimensions === 0 ? 0 : lnBall - lnSimplex;
}

function lnChoices(all: number, kept: number): number {
  return lnFactorial(all) - lnFactorial(kept) - lnFactorial(all - kept);
}

/** Of halves as well: Stirling's series for the gamma function. */
function lnFactorial(value: number): number {
  if (value < 4) return lnFactorial(value + 1) - Math.log(value + 1);
  const series = 1 / (12 * value) - 1 / (360 * value ** 3);
  return (value + 0.5) * Math.log(value) - value + Math.log(2 * Math.PI) / 2 + series;
}

/** In order of their distance from the median. */
function byCloseness(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1] ?? 0;
  return sorted.sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle) || a - b);
}
