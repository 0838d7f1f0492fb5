//! The program, and what it answers. Every answer is held against the document.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use testbed::{Asking, ControlPlane, Space, operator::free_port};

use super::conform::assert_conforms;

/// The running program.
pub struct Console {
    child: Child,
    port: u16,
}

/// What it answered.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Console {
    /// Starts it with an administrator's kubeconfig, whose credentials it must not use.
    pub fn start(plane: &ControlPlane) -> Self {
        let port = free_port();
        let kubeconfig = plane.kubeconfig("admin");
        let kubeconfig = kubeconfig.to_str().expect("text");
        let listen = format!("127.0.0.1:{port}");
        Self::run(
            plane,
            port,
            &["--kubeconfig", kubeconfig, "--listen", &listen],
        )
    }

    /// Starts it with these arguments, which say that it listens at that port.
    pub fn run(plane: &ControlPlane, port: u16, arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_flashjob-console"))
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts");
        plane.register("console", child.id());
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the console does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, port }
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Memory of the program, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a running program");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next());
        1024 * kilobytes
            .and_then(|text| text.parse::<u64>().ok())
            .expect("a number")
    }

    /// Sends a request, whatever it is.
    pub async fn send(&self, mut request: Request<Body>) -> axum::http::Response<Body> {
        let path = request.uri().to_string();
        *request.uri_mut() = format!("http://127.0.0.1:{}{path}", self.port)
            .parse()
            .expect("an address");
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        client
            .request(request)
            .await
            .expect("an answer")
            .map(Body::new)
    }

    /// Asks, and holds the answer against the document.
    pub async fn ask(&self, request: Request<Body>) -> Said {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self.send(request).await;
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let said = Said {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        };
        assert_conforms(&method, &path, &said);
        said
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person with a token.
pub struct Person<'a> {
    pub console: &'a Console,
    pub token: String,
}

/// An editor of the FlashJobs of a namespace who also reads its Instances.
pub fn editor_of_devices(space: &Space) -> Asking<'_> {
    let editor = Asking::ordinary(space, "flashjob-editor");
    let role = "--clusterrole=flashjob-user";
    editor.bind_as("reads-too", "rolebinding", role, &space.name);
    editor
}

impl<'a> Person<'a> {
    /// Somebody of that namespace alone, with that one ClusterRole there.
    pub fn new(console: &'a Console, space: &Space, role: &str) -> Self {
        Self::of(console, &Asking::ordinary(space, role))
    }

    pub fn of(console: &'a Console, asking: &Asking<'_>) -> Self {
        knows_of_the_binding(asking);
        let directory = asking.space.control_plane.directory();
        let file = format!("{}-{}.token", asking.account, asking.space.name);
        let token =
            std::fs::read_to_string(directory.join(file)).expect("the token of that person");
        Self { console, token }
    }

    /// A request with this person's token.
    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let bearer = format!("Bearer {}", self.token);
        Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", bearer)
    }

    pub async fn get(&self, path: &str) -> Said {
        let request = self
            .request("GET", path)
            .body(Body::empty())
            .expect("a request");
        self.console.ask(request).await
    }

    pub async fn delete(&self, path: &str) -> Said {
        let request = self
            .request("DELETE", path)
            .body(Body::empty())
            .expect("a request");
        self.console.ask(request).await
    }

    /// Sends a body, with these headers.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Said {
        let mut request = self.request(method, path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            let kind = if method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            request = request.header("content-type", kind);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::from(body.to_string()))
            .expect("a request");
        self.console.ask(request).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Said {
        self.send("POST", path, body, &[]).await
    }
}

/// Waits until the API server has seen what was bound to that person a moment ago: every role of these tests may list FlashJobs.
fn knows_of_the_binding(asking: &Asking<'_>) {
    let Asking { space, account, .. } = asking;
    let person = format!("--as=system:serviceaccount:{}:{account}", space.name);
    let question = [
        "auth",
        "can-i",
        "list",
        "flashjobs.application.flashjob.nbfc.io",
        &person,
    ];
    let deadline = Instant::now() + Duration::from_secs(20);
    while let Err(complaint) = space.try_kubectl(&question) {
        assert!(Instant::now() < deadline, "{account}: {complaint}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

impl Said {
    /// Asserts the status; the answer itself.
    #[track_caller]
    pub fn is(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status.as_u16(), "{:#}", self.body);
        self
    }

    /// The entity tag.
    pub fn tag(&self) -> String {
        self.headers["etag"].to_str().expect("text").to_owned()
    }

    /// What is wrong, of a problem.
    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

/// Path of the jobs of a namespace.
pub fn jobs(space: &Space) -> String {
    format!("/api/v1/namespaces/{}/flashjobs", space.name)
}
