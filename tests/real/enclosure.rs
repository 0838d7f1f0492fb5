//! What `enclosed.sh` makes, and that nothing of it is left.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use testbed::paths::{root, scratch, script};

/// What a real node leaves on a machine, unless it is taken away.
fn traces() -> BTreeSet<String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let links = said("ip", &["-o", "link"]);
    let links = links.iter().filter_map(|line| line.split(": ").nth(1));
    let rules = said("iptables-save", &[]);
    let rules = rules.iter().filter(|line| line.starts_with(['-', '*']));
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let groups = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    let groups = groups.flat_map(|tree| std::fs::read_dir(tree.path()).into_iter().flatten());
    links
        .map(|link| format!("link {link}"))
        .chain(rules.map(|rule| format!("rule {rule}")))
        .chain(mounts.lines().map(|mount| format!("mount {mount}")))
        .chain(
            processes()
                .into_iter()
                .map(|name| format!("process {name}")),
        )
        .chain(
            groups
                .flatten()
                .map(|group| format!("group {}", group.path().display())),
        )
        .collect()
}

/// Command lines that name the state directory of the node.
fn processes() -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains("enclosed-node"))
        .collect()
}

/// Starts a real node with a running Pod in an enclosure of its own, and kills what started it.
fn start_and_kill(state: &Path) {
    let up = script("up.sh");
    let commands = format!(
        "set -e; bin=$({build} etcd kubernetes node); NODE=real BIN=$bin OWNER_PID=$$ {up} {state}; \
         kubectl() {{ $bin/kubectl --kubeconfig {state}/admin.kubeconfig \"$@\"; }}; \
         kubectl run idle --image flash.test/pause:1 --image-pull-policy Never; \
         kubectl wait --for=condition=Ready pod/idle --timeout=60s; echo running; sleep 600",
        build = script("build.sh").display(),
        up = up.display(),
        state = state.display(),
    );
    let mut enclosed = Command::new(script("enclosed.sh"))
        .args(["bash", "-c", &commands])
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(enclosed.stdout.take().unwrap());
    let said: Vec<_> = out
        .lines()
        .map_while(Result::ok)
        .take_while(|line| line != "running")
        .collect();
    let ended = enclosed.try_wait().unwrap();
    enclosed.kill().unwrap();
    enclosed.wait().unwrap();
    assert_eq!(ended, None, "{said:?}");
}

#[test]
fn a_node_whose_test_is_killed_leaves_no_link_mount_process_rule_or_group() {
    let state = scratch().join(format!("enclosed-node-{}", std::process::id()));
    let before = traces();
    start_and_kill(&state);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left: Vec<_> = traces().difference(&before).cloned().collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{left:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    // Logs of it are on the disk, for those who want to know why it failed.
    assert!(state.join("kubelet.log").exists());
    std::fs::remove_dir_all(&state).unwrap();
}

#[test]
fn a_real_node_starts_nowhere_but_in_an_enclosure() {
    let state = scratch().join(format!("bare-node-{}", std::process::id()));
    let output = Command::new(script("up.sh"))
        .arg(&state)
        .env("NODE", "real")
        .env_remove("FLASHJOB_ENCLOSED")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("NODE=real needs a machine of its own: run this by"),
        "{said}"
    );
    let _ = std::fs::remove_dir_all(&state);
}
