import { readFileSync } from "node:fs";
import { ServerCredentials } from "@grpc/grpc-js";
import { PicketError } from "@picket/proto/picket-error.js";
import type { ApiConfig } from "../config.js";

/**
 * Plain text without a certificate, TLS with one, mutual TLS with an authority
 * for clients. Throws PicketError INVALID_ARGUMENT when one of the files is
 * missing from the configuration, FILE_UNREADABLE when it cannot be read or used.
 */
export function readServerCredentials(config: ApiConfig): ServerCredentials {
  const { tlsCertificateFile, tlsKeyFile, tlsClientCaFile } = config;
  if (tlsCertificateFile === "" && tlsKeyFile === "" && tlsClientCaFile === "") {
    return ServerCredentials.createInsecure();
  }
  if (tlsCertificateFile === "") throw missing("tlsCertificateFile");
  if (tlsKeyFile === "") throw missing("tlsKeyFile");
  const clientCa = tlsClientCaFile === "" ? null : readPem(tlsClientCaFile);
  const pair = { cert_chain: readPem(tlsCertificateFile), private_key: readPem(tlsKeyFile) };
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
}

function missing(field: string): PicketError {
  return new PicketError("INVALID_ARGUMENT", `${field}: TLS needs a certificate and its key`, { field });
}

function readPem(file: string): Buffer {
  const bytes = readFile(file);
  if (bytes.includes("-----BEGIN ")) return bytes;
  throw new PicketError("FILE_UNREADABLE", `the TLS file ${file} is not in PEM format`);
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new PicketError("FILE_UNREADABLE", `cannot read the TLS file ${file}`, { cause: error });
  }
}
