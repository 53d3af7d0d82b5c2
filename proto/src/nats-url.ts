/**
 * Where a NATS server is: nats://HOST:PORT or tls://HOST:PORT, or HOST:PORT
 * alone. No user and password: a command line is readable by everyone on the
 * machine, and the client would not use them.
 */
export const natsUrlPattern = /^((nats|tls):\/\/)?[^\s/@,]+$/;

/** What to say of an URL that does not match. */
export const natsUrlRule = "must be nats://HOST:PORT; user and password are settings of their own";
