//! A real registry on loopback (distribution), and real cosign to sign what is in it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    ControlPlane,
    operator::free_port,
    paths::script,
    sigstore::{CertificateIdentity, token},
};

/// The login of private registries, with the password hashed by bcrypt.
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";
/// The same, as clients show it.
const AUTHORIZATION: &str = "Authorization: Basic bWU6c2VjcmV0\r\n";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A running registry; it is killed and its images are removed when it is dropped.
#[derive(Debug)]
pub struct ImageRegistry {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    directory: tempfile::TempDir,
    bin: PathBuf,
    login: Option<&'static str>,
}

/// An image index in it.
#[derive(Debug, Clone)]
pub struct PushedImage {
    /// Its digest.
    pub digest: String,
    /// Digests of its images by the kind of device.
    pub platforms: BTreeMap<String, String>,
}

/// The versions of cosign: they keep signatures in different formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cosign {
    /// A tag `sha256-….sig` with simple signing.
    Two,
    /// A bundle of Sigstore's that refers to the image.
    Three,
}

/// What the registry answers.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl ImageRegistry {
    /// Who may use a private registry.
    pub const USER: &str = "me";
    /// Their password.
    pub const PASSWORD: &str = "secret";

    /// Starts it, empty, and waits until it answers.
    pub fn start(control_plane: &ControlPlane) -> Self {
        Self::start_at(control_plane, free_port())
    }

    /// The same, for those alone who show the login [`ImageRegistry::USER`] with [`ImageRegistry::PASSWORD`].
    pub fn start_private(control_plane: &ControlPlane) -> Self {
        Self::begin(control_plane, free_port(), true)
    }

    /// The same as [`ImageRegistry::start`], at this port of loopback.
    pub fn start_at(control_plane: &ControlPlane, port: u16) -> Self {
        Self::begin(control_plane, port, false)
    }

    fn begin(control_plane: &ControlPlane, port: u16, private: bool) -> Self {
        let tools = ["registry", "cosign2", "cosign3"];
        let bin = super::control_plane::run(Command::new(script("build.sh")).args(tools));
        let bin = PathBuf::from(bin.trim());
        let directory = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut config = json!({
            "version": "0.1",
            "log": {"accesslog": {"disabled": true}},
            "storage": {"filesystem": {"rootdirectory": directory.path().join("images")}},
            "http": {"addr": address.to_string()},
        });
        if private {
            let file = directory.path().join("htpasswd");
            std::fs::write(&file, HTPASSWD).unwrap();
            config["auth"] = json!({"htpasswd": {"realm": "fleet", "path": file}});
        }
        let child = serve(&bin, directory.path(), &config);
        control_plane.register("registry", child.id());
        await_answer(address);
        Self {
            address,
            child,
            directory,
            bin,
            login: private.then_some(AUTHORIZATION),
        }
    }

    /// Moves a tag of a repository to an index for these kinds of device, one like no other.
    pub fn push(&self, repository: &str, tag: &str, build: u32, kinds: &[&str]) -> PushedImage {
        let mut platforms = BTreeMap::new();
        let mut manifests = Vec::new();
        for kind in kinds {
            let config = json!({"os": "custom", "architecture": kind, "build": build}).to_string();
            let layer = format!("firmware {build} of {kind}");
            let manifest = json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": self.blob(repository, "application/vnd.oci.image.config.v1+json", config.as_bytes()),
                "layers": [self.blob(repository, "application/vnd.oci.image.layer.v1.tar", layer.as_bytes())],
            });
            let mut descriptor = self.manifest(repository, None, MANIFEST, &manifest);
            let digest = descriptor["digest"].as_str().unwrap().to_owned();
            descriptor["platform"] = json!({"os": "custom", "architecture": kind});
            manifests.push(descriptor);
            platforms.insert((*kind).to_owned(), digest);
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let pushed = self.manifest(repository, Some(tag), INDEX, &index);
        PushedImage {
            digest: pushed["digest"].as_str().unwrap().to_owned(),
            platforms,
        }
    }

    /// A reference of a repository in it.
    pub fn reference(&self, repository: &str, tag: &str) -> String {
        format!("{}/{repository}:{tag}", self.address)
    }

    /// Makes a pair of keys without a password; the path of the private one and the public one in PEM.
    pub fn key(&self, name: &str) -> (PathBuf, String) {
        let prefix = self.directory.path().join(name);
        let prefix = prefix.to_str().unwrap();
        self.cosign(
            Cosign::Three,
            &["generate-key-pair", "--output-key-prefix", prefix],
        );
        let public = std::fs::read_to_string(format!("{prefix}.pub")).unwrap();
        (PathBuf::from(format!("{prefix}.key")), public)
    }

    /// Signs a digest of a repository with a key and these annotations (`name=value`), offline.
    pub fn sign(&self, version: Cosign, image: (&str, &str), key: &Path, annotations: &[&str]) {
        let mut arguments = vec!["--key", key.to_str().unwrap(), "--tlog-upload=false"];
        for annotation in annotations {
            arguments.extend(["-a", annotation]);
        }
        self.sign_by(version, image, &arguments);
    }

    /// Signs a digest of a repository as an identity, without a key of its own, by a Sigstore that answers at this address.
    pub fn sign_as(
        &self,
        version: Cosign,
        image: (&str, &str),
        identity: CertificateIdentity<'_>,
        sigstore: SocketAddr,
    ) {
        let sigstore = format!("http://{sigstore}");
        let token = token(identity);
        let services = ["--fulcio-url", &sigstore, "--rekor-url", &sigstore];
        let identity = ["--identity-token", &token, "--insecure-skip-verify"];
        self.sign_by(version, image, &[&services[..], &identity].concat());
    }

    /// Signs a digest of a repository by the means that these arguments of cosign name.
    fn sign_by(&self, version: Cosign, (repository, digest): (&str, &str), means: &[&str]) {
        let image = format!("{}/{repository}@{digest}", self.address);
        let mut arguments = [&["sign"], means].concat();
        if version == Cosign::Three {
            arguments.push("--use-signing-config=false");
        }
        arguments.extend([
            "--allow-insecure-registry",
            "--allow-http-registry",
            "-y",
            &image,
        ]);
        self.cosign(version, &arguments);
    }

    fn cosign(&self, version: Cosign, arguments: &[&str]) {
        let name = match version {
            Cosign::Two => "cosign2",
            Cosign::Three => "cosign3",
        };
        let mut command = Command::new(self.bin.join(name));
        command
            .args(arguments)
            .env("COSIGN_PASSWORD", "")
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path());
        super::control_plane::run(&mut command);
    }

    fn blob(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        let begun = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        let location = begun.header("location");
        let path = location.trim_start_matches(&format!("http://{}", self.address));
        let joined = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{joined}digest={digest}");
        let put = self.ask("PUT", &path, "application/octet-stream", bytes);
        assert_eq!(put.status, 201, "{}", put.text());
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    fn manifest(&self, repository: &str, tag: Option<&str>, kind: &str, manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        let name = tag.unwrap_or(&digest);
        let path = format!("/v2/{repository}/manifests/{name}");
        let put = self.ask("PUT", &path, kind, &bytes);
        assert_eq!(put.status, 201, "{}", put.text());
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    /// The manifest under a tag or a digest of a repository; none where there is none.
    pub fn stored(&self, repository: &str, name: &str) -> Option<Value> {
        let path = format!("/v2/{repository}/manifests/{name}");
        let answer = self.ask("GET", &path, "", b"");
        (answer.status == 200).then(|| serde_json::from_slice(&answer.body).unwrap())
    }

    /// A blob of a repository.
    pub fn stored_blob(&self, repository: &str, digest: &str) -> String {
        let answer = self.ask("GET", &format!("/v2/{repository}/blobs/{digest}"), "", b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    /// Cuts a stored blob off in its middle, as a disk without room does.
    pub fn cut_off(&self, digest: &str) {
        let hex = digest.trim_start_matches("sha256:");
        let path = self.kept("blobs/sha256").join(&hex[..2]);
        let file = path.join(hex).join("data");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    }

    /// Takes away what cosign 3 left beside an image of a repository: the tag that lists what refers to it.
    pub fn strip(&self, repository: &str, digest: &str) {
        let tags = format!("repositories/{repository}/_manifests/tags");
        let tag = digest.replacen(':', "-", 1);
        std::fs::remove_dir_all(self.kept(&tags).join(tag)).unwrap();
    }

    fn kept(&self, folder: &str) -> PathBuf {
        let images = self.directory.path().join("images");
        images.join("docker/registry/v2").join(folder)
    }

    fn ask(&self, verb: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let (mut stream, length) = (TcpStream::connect(self.address).unwrap(), body.len());
        // HTTP/1.0: the answer ends where the connection does.
        write!(
            stream,
            "{verb} {path} HTTP/1.0\r\nHost: {}\r\nAccept: {MANIFEST}, {INDEX}, */*\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{}\r\n",
            self.address,
            self.login.unwrap_or_default()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let body = answer.split_off(end.unwrap() + 4);
        let head = String::from_utf8(answer).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body }
    }
}

impl Answer {
    fn header(&self, name: &str) -> String {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut named = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.next().unwrap().1.trim().to_owned()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Drop for ImageRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the registry of that directory of programs with a configuration, which is kept with its log in a folder.
pub(crate) fn serve(bin: &Path, folder: &Path, config: &Value) -> Child {
    let file = folder.join("config.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    Command::new(bin.join("registry"))
        .arg("serve")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until somebody listens there.
pub(crate) fn await_answer(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "no answer of {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
