//! The operator as a process, with its chart's ServiceAccount.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{ControlPlane, paths::program};

/// A running operator; killed when it is dropped.
#[derive(Debug)]
pub struct Operator {
    child: Child,
    log: PathBuf,
    http: u16,
}

impl Operator {
    /// Starts `flashjob-operator run ARGUMENTS`, its log appended to that file.
    pub fn start(control_plane: &ControlPlane, log: &Path, arguments: &[&str]) -> Self {
        Self::start_as(
            control_plane,
            control_plane.operator_kubeconfig(),
            log,
            arguments,
        )
    }

    /// The same, with a kubeconfig of its own.
    pub fn start_as(
        control_plane: &ControlPlane,
        kubeconfig: &Path,
        log: &Path,
        arguments: &[&str],
    ) -> Self {
        let http = free_port();
        let file = File::options().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(program("flashjob-operator"));
        let tools = control_plane.command("helm");
        command
            .envs(
                tools
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .env("KUBECONFIG", kubeconfig)
            .env("NO_COLOR", "1")
            // Registries of the tests' firmware do not exist, and a test that is about one says so.
            .env("FLASHJOB_FIRMWARE_DIGEST", "never")
            .args([
                "run",
                "--log-format",
                "text",
                "--http-address",
                &format!("127.0.0.1:{http}"),
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("could not run {command:?}: {error}"));
        control_plane.register("operator", child.id());
        Self {
            child,
            log: log.to_owned(),
            http,
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Port of its health checks and metrics on loopback.
    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// GET of one of its pages; nothing where it did not answer.
    pub fn page(&self, path: &str) -> Option<(u16, String)> {
        page(([127, 0, 0, 1], self.http).into(), path, &[])
    }

    /// Memory that it occupies, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Everything that it and those before it in this test logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `kill -9`, and waits until it is gone. What it started itself may live on.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// SIGTERM; how it ended. Panics when it has not within the time.
    pub fn terminate(&mut self, within: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the operator did not stop within {within:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Status and body of a GET with these headers; nothing where nobody answered.
pub fn page(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Option<(u16, String)> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).unwrap();
    let own = [("host", "localhost"), ("connection", "close")];
    let lines = own.iter().chain(headers);
    let lines: String = lines
        .map(|(name, value)| [name, ": ", value, "\r\n"].concat())
        .collect();
    let request = format!("GET {path} HTTP/1.1\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A port on loopback that nobody listens at.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
