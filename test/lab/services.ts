import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { dnsPort, httpPort, sshPort } from "./service-ports.js";

/**
 * Program of a server host: HTTP, sessions like SSH (a banner, then an answer to
 * every line) and a responder of DNS queries. Says "ready" when all listen.
 */
const http = createHttpServer((_request, response) => response.end("lab\n".repeat(500)));
const ssh = createTcpServer((socket) => {
  socket.on("error", () => socket.destroy());
  socket.write("SSH-2.0-lab\r\n");
  socket.on("data", (line) => socket.write(line));
});
const dns = createSocket("udp4");
dns.on("message", (query, { address, port }) => {
  const answer = Buffer.concat([query, Buffer.alloc(16)]);
  // Response, recursion available (RFC 1035, 4.1.1).
  if (answer.length > 3) answer.writeUInt16BE(0x8180, 2);
  dns.send(answer, port, address);
});

await Promise.all([
  new Promise<void>((resolve) => http.listen(httpPort, "0.0.0.0", resolve)),
  new Promise<void>((resolve) => ssh.listen(sshPort, "0.0.0.0", resolve)),
  new Promise<void>((resolve) => dns.bind(dnsPort, "0.0.0.0", resolve)),
]);
process.stdout.write("ready\n");
