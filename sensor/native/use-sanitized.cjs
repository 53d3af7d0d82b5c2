// Preloaded by sanitize.mjs: wherever the addon is asked for, the sanitized one comes.
const Module = require("node:module");

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  const isRing = String(request).endsWith("native/build/Release/ring.node");
  return isRing ? process.env.PICKET_SANITIZED_RING : resolveFilename.call(this, request, ...rest);
};
