import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ApiClient } from "@picket/api/cli/api-client.js";
import type { Policy } from "@picket/proto/generated/picket/v1/policy.js";
import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiFixture } from "./api-fixture.js";

describe("the api with TLS", () => {
  let folder = "";
  const file = (name: string): string => path.join(folder, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  };
  const certify = (name: string, issuer: string): void => {
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    );
    writeFileSync(file(`${name}.ext`), "subjectAltName=IP:127.0.0.1");
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${issuer}.pem`,
      "-CAkey",
      `${issuer}.key`,
      "-CAcreateserial",
      "-days",
      "1",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  };
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "picket-tls-"));
    for (const name of ["authority", "stranger"]) {
      openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.pem`,
      );
    }
    certify("server", "authority");
    certify("client", "authority");
    certify("outsider", "stranger");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const getPolicy = async (server: string, names: { ca?: string; certificate?: string }): Promise<Policy> => {
    const client = new ApiClient({
      server,
      tlsCa: names.ca && file(`${names.ca}.pem`),
      tlsCertificate: names.certificate && file(`${names.certificate}.pem`),
      tlsKey: names.certificate && file(`${names.certificate}.key`),
    });
    try {
      return await client.call((done, options) => client.policy.getPolicy({}, new Metadata(), options, done));
    } finally {
      client.close();
    }
  };
  const serverFiles = () => ({ tlsCertificateFile: file("server.pem"), tlsKeyFile: file("server.key") });

  it("serves a client that trusts its authority, and no other", async () => {
    const fixture = await ApiFixture.start(serverFiles());
    const { address } = fixture.api;
    expect((await getPolicy(address, { ca: "authority" })).etag).not.toBe("");
    await expect(getPolicy(address, { ca: "stranger" })).rejects.toMatchObject({
      code: "SERVER_UNREACHABLE",
    });
    await expect(getPolicy(address, {})).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    await fixture.stop();
  });

  it("serves only clients with a certificate of the authority it was given", async () => {
    const fixture = await ApiFixture.start({ ...serverFiles(), tlsClientCaFile: file("authority.pem") });
    const { address } = fixture.api;
    expect((await getPolicy(address, { ca: "authority", certificate: "client" })).etag).not.toBe("");
    for (const certificate of [undefined, "outsider"]) {
      await expect(getPolicy(address, { ca: "authority", certificate })).rejects.toMatchObject({
        code: "SERVER_UNREACHABLE",
      });
    }
    await fixture.stop();
  });

  it("says which file is no certificate", async () => {
    writeFileSync(file("empty.pem"), "");
    await expect(
      ApiFixture.start({ ...serverFiles(), tlsCertificateFile: file("empty.pem") }),
    ).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      message: expect.stringContaining("empty.pem is not in PEM format"),
    });
  });
});
