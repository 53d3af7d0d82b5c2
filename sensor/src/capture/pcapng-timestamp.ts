const twoTo32 = 4_294_967_296;

/** How an interface of a pcapng file counts time. */
export interface TimestampScale {
  /** Microseconds since the epoch of the 64-bit count `high`, `low`. */
  toMicroseconds(high: number, low: number): number;
}

/**
 * The scale of if_tsresol (`resolution`, 6 = microseconds unless told) and
 * if_tsoffset (`offsetSeconds`), exact to the microsecond for decimal
 * resolutions up to 10^-12.
 */
export function timestampScale(resolution: number, offsetSeconds: number): TimestampScale {
  const offsetUs = offsetSeconds * 1e6;
  const exponent = resolution & 0x7f;
  if ((resolution & 0x80) !== 0) return binaryScale(exponent, offsetUs);
  if (exponent <= 6) return multipliedScale(10 ** (6 - exponent), offsetUs);
  return dividedScale(10 ** (exponent - 6), offsetUs);
}

function multipliedScale(factor: number, offsetUs: number): TimestampScale {
  return { toMicroseconds: (high, low) => (high * twoTo32 + low) * factor + offsetUs };
}

/**
 * Nanoseconds since 1970 need 61 bits, a number holds 53: the high word is
 * divided first and only its remainder joins the low word.
 */
function dividedScale(divisor: number, offsetUs: number): TimestampScale {
  return {
    toMicroseconds: (high, low) => {
      const remainder = high % divisor;
      const whole = ((high - remainder) / divisor) * twoTo32;
      return whole + Math.floor((remainder * twoTo32 + low) / divisor) + offsetUs;
    },
  };
}

function binaryScale(exponent: number, offsetUs: number): TimestampScale {
  const highFactor = 2 ** (32 - exponent) * 1e6;
  const lowFactor = 2 ** -exponent * 1e6;
  return { toMicroseconds: (high, low) => Math.floor(high * highFactor + low * lowFactor) + offsetUs };
}
