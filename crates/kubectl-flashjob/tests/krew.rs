//! What `deploy/krew.sh` packs is what its manifest names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use helm_chart::yaml;
use testbed::{control_plane::run, paths::root};

/// The manifest and the archives that the script makes of a program which writes one page.
fn packed(into: &Path) -> String {
    let program = into.join("program");
    std::fs::write(
        &program,
        "#!/bin/sh\nmkdir \"$2\" && echo page >\"$2/kubectl-flashjob.1\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let mut script = Command::new(root().join("deploy/krew.sh"));
    script
        .args(["https://downloads.example.com/1/", "amd64", "arm64"])
        .envs([("PROGRAM_amd64", &program), ("PROGRAM_arm64", &program)])
        .env("OUT", into.join("out"))
        .env("SOURCE_DATE_EPOCH", "1700000000");
    let printed = run(&mut script);
    std::fs::read_to_string(printed.trim()).unwrap()
}

#[test]
fn the_manifest_names_the_archives_with_their_hashes_and_the_same_program_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let manifest = packed(directory.path());
    let again = tempfile::tempdir().unwrap();
    assert_eq!(packed(again.path()), manifest);
    let manifest = yaml::parse(&manifest).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(manifest["spec"]["version"], format!("v{version}"));
    assert_eq!(manifest["metadata"]["name"], "flashjob");
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 2);
    for (platform, arch) in platforms.iter().zip(["amd64", "arm64"]) {
        assert_eq!(platform["selector"]["matchLabels"]["arch"], arch);
        let name = format!("kubectl-flashjob-{version}-linux-{arch}.tar.gz");
        let uri = format!("https://downloads.example.com/1/{name}");
        assert_eq!(platform["uri"], uri);
        let archive = directory.path().join("out").join(name);
        let hash = run(Command::new("sha256sum").arg(&archive));
        let hash = hash.split(' ').next().unwrap();
        assert_eq!(platform["sha256"], hash);
        let holds = run(Command::new("tar").arg("tzf").arg(&archive));
        let files = "LICENSE\nkubectl-flashjob\nman/\nman/kubectl-flashjob.1\n";
        assert_eq!(holds, files);
        assert_eq!(platform["bin"], "kubectl-flashjob");
    }
}
