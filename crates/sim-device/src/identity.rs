//! Certificates: the agent's, which devices pin, and those by which devices attest.

use std::{path::Path, sync::Arc};

use rcgen::{CertificateParams, CustomExtension, DnType, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Name by which devices know the agent.
pub const AGENT: &str = "ota-agent";

/// A certificate of the agent and its key, in PEM.
#[derive(Clone, Debug)]
pub struct AgentIdentity {
    /// What devices pin.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl AgentIdentity {
    /// A new one.
    pub fn generate() -> Self {
        Self::of(AGENT)
    }

    /// One of another server, such as a registry, under its name or address.
    pub fn of(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// How a server has it.
    pub fn server(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key);
        Arc::new(config.unwrap())
    }

    /// Writes `server.crt` and `server.key`.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("server.crt"), &self.certificate).unwrap();
        std::fs::write(folder.join("server.key"), &self.key).unwrap();
    }
}

/// A device's attestation certificate, in DER. It is as long as those of DICE, whose extension holds hashes of the boot chain.
pub fn attestation(device: &str) -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, device);
    // 1.3.6.1.4.1.11129.2.1.24, an octet string of 500 bytes.
    let mut hashes = vec![0x04, 0x82, 0x01, 0xf4];
    hashes.resize(504, 0xa5);
    let dice = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 11129, 2, 1, 24], hashes);
    params.custom_extensions.push(dice);
    params.self_signed(&key).unwrap().der().to_vec()
}
