//! A registry with one firmware image for several boards.

use std::{collections::BTreeMap, io::Write, net::SocketAddr};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use crate::{
    firmware::hash,
    http::{Request, Server},
    identity::AgentIdentity,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Runs until it is dropped.
pub struct Registry {
    server: Server,
}

impl Registry {
    /// Serves an image of that tag and by its digest, with the firmware of each board; over TLS where it has a certificate.
    pub fn start(
        address: SocketAddr,
        tls: Option<&AgentIdentity>,
        repository: &str,
        tag: &str,
        boards: &[(&str, &[u8])],
    ) -> std::io::Result<Self> {
        let mut contents = Contents::new();
        let mut add = |kind: &str, media: &'static str, content: Vec<u8>| {
            let digest = format!("sha256:{}", hash(&content));
            let path = format!("/v2/{repository}/{kind}/{digest}");
            let descriptor = json!({"mediaType": media, "digest": digest, "size": content.len()});
            contents.insert(path, (media, content));
            descriptor
        };
        let mut manifests = Vec::new();
        for (board, firmware) in boards {
            let config = json!({"os": "custom", "architecture": board});
            let config = add(
                "blobs",
                "application/vnd.oci.image.config.v1+json",
                bytes(&config),
            );
            let layer = add("blobs", LAYER, layer(firmware)?);
            let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
            let mut manifest = add("manifests", MANIFEST, bytes(&manifest));
            manifest["platform"] = json!({"os": "custom", "architecture": board});
            manifests.push(manifest);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let digest = hash(&bytes(&index));
        for version in [tag, &format!("sha256:{digest}")] {
            contents.insert(
                format!("/v2/{repository}/manifests/{version}"),
                (INDEX, bytes(&index)),
            );
        }
        let tls = tls.map(AgentIdentity::server);
        let server = Server::start_with(address, tls, move |request| {
            Some(answer(&contents, request))
        })?;
        Ok(Self { server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

type Contents = BTreeMap<String, (&'static str, Vec<u8>)>;

fn answer(contents: &Contents, request: &Request) -> (u16, &'static str, Vec<u8>) {
    match contents.get(&request.path) {
        Some((media, content)) => (200, *media, content.clone()),
        None if request.path == "/v2/" => (200, "application/json", b"{}".to_vec()),
        None => (404, "application/json", b"{}".to_vec()),
    }
}

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn layer(firmware: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(firmware.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "firmware/app.bin", firmware)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&archive.into_inner()?)?;
    gzip.finish()
}
