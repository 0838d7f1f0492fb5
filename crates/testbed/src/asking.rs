//! `kubectl flashjob` as different people run it, each with a token and with rights of their own.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Space, control_plane::answer, paths::plugin};

/// Runs the program with a token of its own; what it printed, and the id of that token in the audit log.
pub struct Asking<'a> {
    /// Where.
    pub space: &'a Space,
    /// Name of the person's ServiceAccount.
    pub account: String,
    /// Kubeconfig with the token.
    pub kubeconfig: std::path::PathBuf,
    /// Id of the token in the audit log.
    pub credential: String,
}

impl<'a> Asking<'a> {
    /// As a person who may read all that the command line reads.
    pub fn new(space: &'a Space) -> Self {
        let asking = Self::of_no_rights(space, "asking");
        let (system, role) = ("flashjob-system", "--role=flashjob-settings-viewer");
        asking.bind(
            "clusterrolebinding",
            "--clusterrole=flashjob-user",
            "default",
        );
        asking.bind("rolebinding", role, system);
        asking
    }

    /// A person who may read all, and two of that namespace alone: with the ClusterRole `flashjob-user`, and with `flashjob-viewer`.
    pub fn three(space: &'a Space) -> [Self; 3] {
        let [user, viewer] =
            ["flashjob-user", "flashjob-viewer"].map(|role| Self::ordinary(space, role));
        [Self::new(space), user, viewer]
    }

    /// As a person of that namespace alone, with that one ClusterRole there.
    pub fn ordinary(space: &'a Space, role: &str) -> Self {
        let asking = Self::of_no_rights(space, role);
        let role = format!("--clusterrole={role}");
        asking.bind("rolebinding", &role, &space.name);
        asking
    }

    /// As a person without rights.
    pub fn of_no_rights(space: &'a Space, account: &str) -> Self {
        let plane = space.control_plane;
        // Its chart brings the roles.
        plane.operator_kubeconfig();
        space.kubectl(&["create", "serviceaccount", account]);
        let name = format!("{account}-{}", space.name);
        let (kubeconfig, credential) = plane.token_of(&space.name, account, &name);
        Self {
            space,
            account: account.to_owned(),
            kubeconfig,
            credential,
        }
    }

    fn bind(&self, kind: &str, role: &str, namespace: &str) {
        let name = format!("{}-{}", self.account, self.space.name);
        self.bind_as(&name, kind, role, namespace);
    }

    /// Gives more rights, by a binding of that name.
    pub fn bind_as(&self, name: &str, kind: &str, role: &str, namespace: &str) {
        let Self { space, account, .. } = self;
        let to = format!("--serviceaccount={}:{account}", space.name);
        let arguments = ["-n", namespace, "create", kind, name, role, &to];
        space.control_plane.kubectl(&arguments);
    }

    /// The program with these arguments, in that person's namespace.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(plugin());
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .args(["-n", &self.space.name]);
        command
    }

    /// What it printed, its complaint as `Err`.
    pub fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        answer(&self.command(arguments).output().unwrap())
    }

    /// What `plan` says, as JSON, and its exit code.
    pub fn plan(&self, arguments: &[&str]) -> (Value, i32) {
        self.plan_of(Stdio::null(), arguments)
    }

    /// The same, with that for standard input.
    pub fn plan_of(&self, input: Stdio, arguments: &[&str]) -> (Value, i32) {
        let arguments = [&["plan"], arguments, &["-o", "json"]].concat();
        let output = self.command(&arguments).stdin(input).output().unwrap();
        let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            Value::String(String::from_utf8_lossy(&output.stderr).into_owned())
        });
        (said, output.status.code().unwrap())
    }

    /// What it printed, what it complained of, and its exit code; the namespace stands before the subcommand.
    pub fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let output = Command::new(plugin())
            .env("KUBECONFIG", &self.kubeconfig)
            .args(["-n", &self.space.name])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        (text(&output.stdout), text(&output.stderr), code)
    }

    /// What the program printed, whatever its exit code.
    pub fn text_of(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it printed.
    pub fn text(&self, arguments: &[&str]) -> String {
        self.ask(arguments).unwrap()
    }

    /// What it printed with `-o json`.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// Panics where that person wrote anything.
    pub fn assert_wrote_nothing(&self) {
        let audit = self.space.control_plane.audit();
        let asked: Vec<_> = audit
            .0
            .iter()
            .filter(|request| request.credential == self.credential)
            .collect();
        assert!(!asked.is_empty(), "the token is not in the audit log");
        for request in asked {
            assert!(!request.is_write(), "{request:?}");
        }
    }
}
