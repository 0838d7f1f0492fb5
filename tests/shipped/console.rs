//! The console as it is shipped: its Pod, and what that answers to somebody's own token. That its Service leads there is shown by `helm test`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use testbed::{
    real::{installation::Installation, site::Site},
    seconds,
};

/// Status of the answer to a GET by this token; none where nobody answers.
fn get(address: &str, path: &str, token: &str) -> Option<u16> {
    let mut stream = TcpStream::connect((address, 8085)).ok()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_becomes_ready_and_answers_with_the_rights_of_whoever_asks() {
    let site = Site::new("console", &[]).await;
    let installation = Installation::shared();
    let status = [
        "rollout",
        "status",
        "deployment",
        "flashjob-console",
        "--timeout=120s",
    ];
    let ready = installation.kubectl(&status);
    ready.unwrap_or_else(|complaint| panic!("{complaint}\n{}", installation.dump()));
    // Only Pods and devices reach Services here.
    let address = [
        "get",
        "pods",
        "--selector=app.kubernetes.io/name=flashjob-console",
        "-o",
        "jsonpath={.items[0].status.podIP}",
    ];
    let address = installation.kubectl(&address).unwrap();
    let namespace = &site.space.name;
    site.space.kubectl(&["create", "serviceaccount", "jane"]);
    let person = format!("--serviceaccount={namespace}:jane");
    let role = "--clusterrole=flashjob-viewer";
    site.space
        .kubectl(&["create", "rolebinding", "jane", role, &person]);
    let token = site.space.kubectl(&["create", "token", "jane"]);
    let jobs = |namespace: &str| format!("/api/v1/namespaces/{namespace}/flashjobs");
    let ask = |namespace: &str| get(&address, &jobs(namespace), token.trim());
    site.space
        .eventually("answer to a viewer", seconds(60), async || {
            (ask(namespace) == Some(200)).then_some(())
        })
        .await;
    assert_eq!(ask("default"), Some(403));
    assert_eq!(get(&address, &jobs(namespace), "nobody"), Some(401));
}
