//! A registry of images that asks for a login, at the node's address; the node trusts its certificate.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Child,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    NODE, World,
    image::{another_agent, ctr},
};
use crate::{
    control_plane::run,
    image_registry::{await_answer, serve},
};

/// Port of the registry.
const PORT: u16 = 5000;

/// Who may pull and push.
const LOGIN: &str = "flash:open-sesame";

/// The same, as the registry keeps it.
const KEPT: &str = "flash:$2a$04$OYYAAJx.ukvxu9SIWhRiJesk.ChNjiGI8H7JlyalpEuUt4G426NV6\n";

/// A running registry; it ends when it is dropped.
pub struct ImageRegistry {
    process: Child,
    /// Where containerd and its client look how registries are reached.
    hosts: PathBuf,
}

impl ImageRegistry {
    /// Starts one that is empty.
    pub fn start(world: &World) -> Self {
        let plane = world.plane;
        let folder = plane.directory().join("registry");
        let _ = std::fs::remove_dir_all(&folder);
        world.tls.write(&folder);
        std::fs::write(folder.join("logins"), KEPT).unwrap();
        let at = SocketAddr::from((NODE, PORT));
        let configuration = json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": folder.join("images")}},
            "auth": {"htpasswd": {"realm": "images", "path": folder.join("logins")}},
            "http": {
                "addr": at.to_string(),
                "tls": {"certificate": folder.join("server.crt"), "key": folder.join("server.key")},
            },
        });
        let hosts = plane.directory().join("registries");
        trust(&hosts, at, &folder.join("server.crt"));
        let process = serve(
            plane.tool("registry").parent().unwrap(),
            &folder,
            &configuration,
        );
        plane.register("registry", process.id());
        await_answer(at);
        Self { process, hosts }
    }

    /// Reference of an image of that tag here.
    pub fn reference(tag: &str) -> String {
        format!("{NODE}:{PORT}/flash/agent:{tag}")
    }

    /// Pushes a flash image under that tag. The node has none of that name, and no other one that is the same.
    pub fn push(&self, world: &World, tag: &str) -> String {
        let reference = Self::reference(tag);
        another_agent(world.plane, &reference);
        let mut push = ctr();
        push.args(["images", "push", "--user", LOGIN, "--hosts-dir"]);
        run(push.arg(&self.hosts).arg(&reference));
        run(ctr().args(["images", "remove", "--sync", &reference]));
        reference
    }

    /// A Secret of that name with a login, by which Pods pull: the right one, or another.
    pub fn secret(name: &str, is_right: bool) -> Value {
        let login = if is_right { LOGIN } else { "flash:forgotten" };
        let logins = json!({"auths": {format!("{NODE}:{PORT}"): {"auth": STANDARD.encode(login)}}});
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": logins.to_string()},
        })
    }
}

impl Drop for ImageRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Makes containerd trust the registry's certificate; containerd reads the folder at each pull. The folder holds `ca.crt` alone: with a
/// host in `hosts.toml`, Debian's containerd also asks the same address as the default server, without this authority, and fails.
fn trust(hosts: &Path, at: SocketAddr, authority: &Path) {
    let folder = hosts.join(at.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(authority, folder.join("ca.crt")).unwrap();
}
