/** Ports that answer on the server hosts; every other port is closed everywhere. */
export const httpPort = 80;
export const sshPort = 22;
export const dnsPort = 53;
