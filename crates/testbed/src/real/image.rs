//! Images for the node: written by the project's own programs, and imported without a registry.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use sim_device::identity::AgentIdentity;

use crate::{
    ControlPlane,
    control_plane::run,
    paths::{root, target},
};

/// The reference flash image, with the certificate that devices pin and the registry's; its name.
pub fn flash_agent(
    plane: &ControlPlane,
    identity: &AgentIdentity,
    registry: &AgentIdentity,
) -> String {
    let name = "flash.test/flash-agent:1";
    let folder = plane.directory().join("flash-agent");
    identity.write(&folder);
    std::fs::write(folder.join("registry.crt"), &registry.certificate).unwrap();
    write_agent(plane, name, None);
    name.to_owned()
}

/// The same program in an image with an id of its own, under this name: a kubelet that pulled an image with a login gives it to nobody
/// without one, whatever it is called.
pub(super) fn another_agent(plane: &ControlPlane, name: &str) {
    write_agent(plane, name, Some("/another"));
}

/// Writes the flash image, with one more file if there is to be one, and imports it.
fn write_agent(plane: &ControlPlane, name: &str, more: Option<&str>) {
    let folder = plane.directory().join("flash-agent");
    let archive = folder.join("image.tar");
    let file = |inside: &str, of: &str| format!("{inside}={}", folder.join(of).display());
    let mut write = Command::new(plane.tool("oci-image"));
    write
        .arg(name)
        .arg(&archive)
        .arg(static_program("flash-agent"))
        .arg(file("/ota/certs/server.crt", "server.crt"))
        .arg(file("/ota/certs/server.key", "server.key"))
        .arg(file("/etc/ssl/certs/ca-certificates.crt", "registry.crt"))
        .args(more.map(|inside| file(inside, "registry.crt")));
    run(&mut write);
    import(&archive);
}

/// The operator's image, by `deploy/image.sh` and its Dockerfile, under this name.
pub fn operator(plane: &ControlPlane, name: &str) {
    let archive = plane.directory().join("operator.tar");
    let builder = format!(
        "{} build {}",
        plane.tool("oci-image").display(),
        archive.display()
    );
    let mut build = Command::new(root().join("deploy/image.sh"));
    build
        .env("IMAGE", name)
        .env("BUILDER", builder)
        .env("OPERATOR_BINARY", static_program("flashjob-operator"))
        .env("CONSOLE_BINARY", static_program("flashjob-console"));
    run(&mut build);
    import(&archive);
}

/// An image with `wget`, which is all that `helm test` needs, under this name.
pub fn wget(plane: &ControlPlane, name: &str) {
    let (archive, program) = (plane.directory().join("wget.tar"), plane.tool("wget"));
    let mut write = Command::new(plane.tool("oci-image"));
    let inside = format!("/bin/wget={}", program.display());
    run(write.arg(name).arg(&archive).arg(&program).arg(inside));
    import(&archive);
}

fn import(archive: &Path) {
    run(ctr().args(["images", "import"]).arg(archive));
}

/// containerd's own client, where the kubelet's images and containers are.
pub(super) fn ctr() -> Command {
    let mut ctr = Command::new("ctr");
    ctr.args(["--address", "/run/containerd/containerd.sock"])
        .args(["--namespace", "k8s.io"]);
    ctr
}

/// As `deploy/static.sh` built it.
fn static_program(name: &str) -> PathBuf {
    let machine = std::env::consts::ARCH;
    let built = target().join(format!("{machine}-unknown-linux-musl/release/{name}"));
    assert!(
        built.exists(),
        "{} is not there: {}/deploy/static.sh amd64 {name} builds it",
        built.display(),
        root().display()
    );
    built
}
