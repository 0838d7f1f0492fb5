//! The console as it is shipped: its Pod, and what that answers to somebody's own token. That its Service leads there is shown by `helm test`.

use std::net::{IpAddr, SocketAddr};

use testbed::{
    operator::page,
    real::{installation::Installation, site::Site},
    seconds,
};

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
    let address: IpAddr = installation.kubectl(&address).unwrap().parse().unwrap();
    let get = |path: &str, token: &str| {
        let header = format!("Bearer {token}");
        let answer = page(
            SocketAddr::new(address, 8085),
            path,
            &[("authorization", &header)],
        );
        answer.map(|(status, _)| status)
    };
    let namespace = &site.space.name;
    site.space.kubectl(&["create", "serviceaccount", "jane"]);
    let person = format!("--serviceaccount={namespace}:jane");
    let role = "--clusterrole=flashjob-viewer";
    site.space
        .kubectl(&["create", "rolebinding", "jane", role, &person]);
    let token = site.space.kubectl(&["create", "token", "jane"]);
    let jobs = |namespace: &str| format!("/api/v1/namespaces/{namespace}/flashjobs");
    let ask = |namespace: &str| get(&jobs(namespace), token.trim());
    site.space
        .eventually("answer to a viewer", seconds(60), async || {
            (ask(namespace) == Some(200)).then_some(())
        })
        .await;
    assert_eq!(ask("default"), Some(403));
    assert_eq!(get(&jobs(namespace), "nobody"), Some(401));
}
