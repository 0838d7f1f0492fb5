//! The operator's pages under load by strangers, and its metrics behind the API server's word.

use std::{io::Write, net::TcpStream};

use testbed::{Operator, Space, operator::free_port, seconds};

/// More than the operator holds open, as one machine of the Pod network can open them in a moment.
const CONNECTIONS: usize = 3000;
/// What they may cost together. Before there were bounds it was 900 MB.
const MEMORY: u64 = 64 << 20;

async fn serves(space: &Space, operator: &Operator) {
    let healthy = async || {
        operator
            .page("/healthz")
            .filter(|(status, _)| *status == 200)
    };
    space.eventually("health", seconds(60), healthy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_thousand_half_sent_requests_cost_little_and_a_probe_is_answered_beside_them() {
    let space = Space::new("slow-connections").await;
    let operator = space.operator(&[]);
    serves(&space, &operator).await;
    let before = operator.memory();
    // A long header that never ends.
    let half = format!(
        "GET /metrics HTTP/1.1\r\nhost: a\r\nx: {}",
        "y".repeat(12 << 10)
    );
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(("127.0.0.1", operator.http_port())).unwrap();
        // One that had to make room says so by a reset.
        let _ = stream.write_all(half.as_bytes());
        open.push(stream);
    }
    serves(&space, &operator).await;
    let grown = operator.memory().saturating_sub(before);
    println!("{CONNECTIONS} half-sent requests: {} KiB more", grown >> 10);
    assert!(grown < MEMORY, "{} MiB", grown >> 20);
    drop(open);
    assert!(
        !operator.log().contains("leadership was lost"),
        "{}",
        operator.log()
    );
}

#[tokio::test]
async fn the_log_level_is_changed_on_a_loopback_address_of_its_own_alone() {
    let space = Space::new("log-level").await;
    let port = free_port().to_string();
    let operator = space.operator(&["--log-level-address", &format!("127.0.0.1:{port}")]);
    serves(&space, &operator).await;
    assert_eq!(operator.page("/loglevel").unwrap().0, 404);
    let level = |host: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
        let request =
            format!("PUT /loglevel HTTP/1.1\r\nhost: {host}\r\ncontent-length: 5\r\n\r\ndebug");
        stream.write_all(request.as_bytes()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let forged = level("evil.example");
    assert!(forged.starts_with("HTTP/1.1 403"), "{forged}");
    assert!(!operator.log().contains("the log level was changed"));
    let changed = level("localhost");
    assert!(
        changed.starts_with("HTTP/1.1 200") && changed.ends_with("debug\n"),
        "{changed}"
    );
    assert!(operator.log().contains("the log level was changed"));
}

/// A token of a new ServiceAccount of the space.
fn token(space: &Space, name: &str) -> String {
    space.kubectl(&["create", "serviceaccount", name]);
    space.kubectl(&["create", "token", name]).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guarded_metrics_are_for_whom_the_api_server_lets_get_them() {
    let space = Space::new("guarded-metrics").await;
    let address = format!("127.0.0.1:{}", free_port());
    let operator = space.operator(&["--metrics-secure", "--metrics-address", &address]);
    serves(&space, &operator).await;
    let (reader, stranger) = (token(&space, "reader"), token(&space, "stranger"));
    let account = format!("--serviceaccount={}:reader", space.name);
    let role = "--clusterrole=flashjob-operator-metrics-reader";
    space.kubectl(&["create", "clusterrolebinding", &space.name, role, &account]);
    let server = format!("--server=https://{address}");
    let ask = |token: &str| {
        let token = format!("--token={token}");
        let plain = ["--kubeconfig=/dev/null", "--insecure-skip-tls-verify"];
        space.try_kubectl(&[&plain[..], &[&server, &token, "get", "--raw", "/metrics"]].concat())
    };
    let shown = async || ask(&reader).ok();
    let shown = space.eventually("metrics", seconds(60), shown).await;
    assert!(shown.contains("flashjob_build_info"), "{shown}");
    let refused = ask(&stranger).unwrap_err();
    assert!(refused.contains("Forbidden"), "{refused}");
    let unknown = ask("nobody").unwrap_err();
    assert!(unknown.contains("You must be logged in"), "{unknown}");
    // Nor is there another way in.
    let (status, text) = operator.page("/metrics").unwrap();
    assert_eq!(status, 404);
    assert!(
        text.contains("--metrics-address") && !text.contains("flashjob_build"),
        "{text}"
    );
    space.kubectl(&["delete", "clusterrolebinding", &space.name]);
}
