//! A browser that nobody else uses, with an empty profile, and what a person does with it.

use std::{
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use axum::http::Method;
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions},
    elements::Element,
    key::Key,
    wd::WebDriverCompatibleCommand,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use testbed::{ControlPlane, operator::free_port, paths::script};
use url::{ParseError, Url};

use crate::asked::{Console, Person};

/// How long something on a page may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Nothing of the browser's own goes to the network, and as root it cannot have a sandbox. It ends with the program that drives it.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// A running browser at a console.
pub struct Browser {
    client: Client,
    program: Child,
    address: String,
    _profile: tempfile::TempDir,
}

/// A command that only Chromium's driver has, by its path below that of the session.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.0
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

/// Paths of the browser and of the program that drives it.
fn programs() -> &'static [String; 2] {
    static PROGRAMS: OnceLock<[String; 2]> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let output = Command::new(script("browser.sh")).output();
        let output = output.expect("the script runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let paths = String::from_utf8(output.stdout).expect("text");
        let paths: Vec<_> = paths.lines().map(str::to_owned).collect();
        paths.try_into().expect("two paths")
    })
}

impl Browser {
    /// Starts one for that console.
    pub async fn start(plane: &ControlPlane, console: &Console) -> Self {
        let [browser, driver] = programs();
        let port = free_port();
        let program = Command::new(driver)
            .args([&format!("--port={port}"), "--allowed-ips=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the driver starts");
        plane.register("chromedriver", program.id());
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the driver does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let profile = tempfile::tempdir().expect("a directory");
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        let wanted = json!({
            "goog:chromeOptions": {"binary": browser, "args": flags}, "goog:loggingPrefs": {"browser": "ALL"},
        });
        let wanted = wanted.as_object().expect("an object").clone();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        Self {
            client: client.expect("a browser"),
            program,
            // A cookie that asks for TLS is taken from this name, though there is none.
            address: format!("http://localhost:{}", console.port()),
            _profile: profile,
        }
    }

    pub async fn open(&self, path: &str) {
        let address = format!("{}{path}", self.address);
        self.client.goto(&address).await.expect("a page");
    }

    /// What a script says of the page.
    pub async fn run(&self, script: &str) -> Value {
        let said = self.client.execute(script, Vec::new()).await;
        said.unwrap_or_else(|error| panic!("{error} in {script:.300}"))
    }

    /// What a script says of the page when it calls the last of its arguments.
    pub async fn run_async(&self, script: &str) -> Value {
        let said = self.client.execute_async(script, Vec::new()).await;
        said.expect("an answer")
    }

    /// Waits until a script says yes.
    pub async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.run(&format!("return Boolean({script});")).await != true {
            if Instant::now() > deadline {
                let page = self.run("return document.body.innerText;").await;
                let page = page.as_str().unwrap_or_default();
                panic!("no {what}; the page says:\n{page}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until that part of the page, by its selector, has this text in it.
    pub async fn shows(&self, part: &str, text: &str) {
        let script = format!(
            "document.querySelector({})?.innerText.includes({})",
            json!(part),
            json!(text)
        );
        self.until(text, &script).await;
    }

    /// Whether that part of the page is there, to be seen.
    pub async fn has(&self, part: &str) -> bool {
        let part = json!(part);
        let script = format!("return Boolean(document.querySelector({part})?.checkVisibility());");
        self.run(&script).await == true
    }

    async fn part(&self, part: &str) -> Element {
        let found = self.client.find(Locator::Css(part)).await;
        found.unwrap_or_else(|error| panic!("{part}: {error}"))
    }

    pub async fn click(&self, part: &str) {
        self.part(part).await.click().await.expect("a click");
    }

    pub async fn type_into(&self, part: &str, text: &str) {
        let part = self.part(part).await;
        part.send_keys(text).await.expect("keys");
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: Key) {
        self.press_letter(key.into()).await;
    }

    /// Presses the key of a letter, wherever the focus is.
    pub async fn press_letter(&self, value: char) {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(keys).await.expect("a key");
    }

    /// Signs in with that person's token, by the form.
    pub async fn sign_in(&self, person: &Person<'_>) {
        self.open("/").await;
        if self.has("form[action='/logout'] button").await {
            self.click("form[action='/logout'] button").await;
        }
        self.until("form for a token", "document.getElementById('token')")
            .await;
        self.type_into("#token", &person.token).await;
        self.click("form[action='/login'] button").await;
        self.shows("body", "Signed in as").await;
    }

    /// The page as it is on a screen that wide, with dark colours or light ones.
    pub async fn on_a_screen(&self, width: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let screen =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        for (method, parameters) in [
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", media),
        ] {
            let command = json!({"cmd": method, "params": parameters});
            let command = Own("goog/cdp/execute", command);
            self.client
                .issue_cmd(command)
                .await
                .expect("it is emulated");
        }
    }

    /// Panics where the browser complained of a page: of a script that failed, or of what the policy of the console forbids.
    pub async fn assert_no_complaints(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// What the browser complained of since it was asked last.
    pub async fn complaints(&self) -> Vec<String> {
        let command = Own("se/log", json!({"type": "browser"}));
        let log = self.client.issue_cmd(command).await.expect("a log");
        let entries = log.as_array().expect("a list").iter();
        entries.map(|entry| entry["message"].to_string()).collect()
    }

    /// Keeps what the page looks like, where somebody wants to see it.
    pub async fn keep(&self, name: &str) {
        if let Some(directory) = std::env::var_os("FLASHJOB_SCREENSHOTS") {
            let path = Path::new(&directory).join(format!("{name}.png"));
            self.draw(&path).await;
        }
    }

    /// Writes what the page looks like to that file.
    pub async fn draw(&self, path: &Path) {
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::write(path, picture).expect("a file");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with the program that drives it.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
