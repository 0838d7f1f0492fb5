//! `kubectl flashjob ui`: the console on loopback, as the person who starts it and for nobody else.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use testbed::{Asking, Space, job::job, paths::plugin};

use super::person;

/// The running program, and what it printed.
struct Served {
    child: Child,
    port: u16,
    once: String,
    session: String,
}

/// What was answered: status, headers and body.
type Said = (u16, String, String);

impl Served {
    fn start(asking: &Asking<'_>) -> Self {
        let mut child = Command::new(plugin())
            .env("KUBECONFIG", &asking.kubeconfig)
            .args(["ui", "-n", &asking.space.name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        asking.space.control_plane.register("console", child.id());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut after = |words: &str| {
            let line = lines.next().unwrap().unwrap();
            let (_, rest) = line.split_once(words).unwrap_or_else(|| panic!("{line}"));
            rest.to_owned()
        };
        let link = after("http://127.0.0.1:");
        let (port, once) = link.split_once("/#token=").unwrap();
        let session = after("Authorization: Bearer ");
        Self {
            port: port.parse().unwrap(),
            once: once.to_owned(),
            session,
            child,
        }
    }

    /// A request without a body, of one connection.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Said {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let host = format!("127.0.0.1:{}", self.port);
        let usual = [("host", host.as_str())];
        let named = headers.iter().any(|(name, _)| *name == "host");
        let usual = if named { &[][..] } else { &usual[..] };
        let lines = usual.iter().chain(headers);
        let lines: String = lines
            .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n{lines}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    /// Ends it as Ctrl-C does; its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_of_one_namespace_opens_the_console_and_nobody_else_gets_in() {
    let space = Space::new("ui").await;
    let asking = person(&space, "flashjob-editor");
    space.apply(&job("lamps", &[], &json!({})).to_string());
    let served = Served::start(&asking);
    let jobs = format!("/api/v1/namespaces/{}/flashjobs", space.name);
    let pages = format!("/namespaces/{}/flashjobs", space.name);

    for path in [&jobs, &pages] {
        assert_eq!(served.ask("GET", path, &[]).0, 401);
    }
    let bearer = format!("Bearer {}", served.session);
    let program = ("authorization", bearer.as_str());
    let rebound = ("host", "evil.example");
    assert_eq!(served.ask("GET", &jobs, &[program, rebound]).0, 421);

    let once = format!("Bearer {}", served.once);
    let own = ("x-flashjob-console", "1");
    let exchange = [("authorization", once.as_str()), own];
    let (status, head, body) = served.ask("POST", "/session", &exchange);
    assert_eq!(status, 204, "{body}");
    let cookie = format!("set-cookie: flashjob-ui-{}=", served.port);
    let set = head.lines().find(|line| line.starts_with(&cookie)).unwrap();
    assert!(
        set.contains("httponly") && set.contains("samesite=strict"),
        "{set}"
    );
    let (status, _, body) = served.ask("POST", "/session", &exchange);
    assert_eq!(status, 401, "{body}");

    // The head was made small; the token is not.
    let cookie = format!("flashjob-ui-{}={}", served.port, served.session);
    let cookie = ("cookie", cookie.as_str());
    let (status, _, page) = served.ask("GET", &pages, &[cookie]);
    assert_eq!(status, 200, "{page}");
    assert!(page.contains(&format!("href=\"{pages}/lamps\"")), "{page}");
    let (status, _, body) = served.ask("GET", "/api/v1/namespaces/default/flashjobs", &[cookie]);
    assert_eq!(status, 403, "{body}");
    let refused: Value = serde_json::from_str(&body).unwrap();
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("flashjob-editor"),
        "{refused}"
    );

    let suspend = format!("{jobs}/lamps/actions/suspend");
    assert_eq!(served.ask("POST", &suspend, &[cookie]).0, 403);
    assert!(space.find_job("lamps").unwrap()["spec"]["suspend"].is_null());
    let (status, _, body) = served.ask("POST", &suspend, &[cookie, own]);
    assert_eq!(status, 200, "{body}");
    assert_eq!(space.find_job("lamps").unwrap()["spec"]["suspend"], true);
    assert_eq!(served.ask("GET", &jobs, &[program]).0, 200);
    assert_eq!(served.interrupt(), Some(0));
}
