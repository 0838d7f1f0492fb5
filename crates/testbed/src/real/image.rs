//! Images for the node: written by the project's own program, and imported without a registry.

use std::process::Command;

use sim_device::identity::AgentIdentity;

use crate::{
    ControlPlane,
    control_plane::run,
    paths::{program, root},
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
    let archive = folder.join("image.tar");
    let mut write = Command::new(plane.tool("oci-image"));
    write.arg(name).arg(&archive).arg(static_program());
    for file in ["server.crt", "server.key"] {
        let source = folder.join(file);
        write.arg(format!("/ota/certs/{file}={}", source.display()));
    }
    let authorities = folder.join("registry.crt");
    std::fs::write(&authorities, &registry.certificate).unwrap();
    write.arg(format!(
        "/etc/ssl/certs/ca-certificates.crt={}",
        authorities.display()
    ));
    run(&mut write);
    run(Command::new("ctr")
        .args(["--address", "/run/containerd/containerd.sock"])
        .args(["--namespace", "k8s.io", "images", "import"])
        .arg(&archive));
    name.to_owned()
}

/// As `deploy/static.sh` built it.
fn static_program() -> std::path::PathBuf {
    let target = program("x").ancestors().nth(2).unwrap().to_owned();
    let machine = std::env::consts::ARCH;
    let built = target.join(format!("{machine}-unknown-linux-musl/release/flash-agent"));
    assert!(
        built.exists(),
        "{} is not there: {}/deploy/static.sh amd64 flash-agent builds it",
        built.display(),
        root().display()
    );
    built
}
