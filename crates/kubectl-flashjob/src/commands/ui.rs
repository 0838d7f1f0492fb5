//! `kubectl flashjob ui`.

use std::process::{Command, Stdio};

use flashjob_console::{listener::Listener, server::console, session::Pass};
use flashjob_operator::cli::terminal::{Failure, complain, write_out};
use tokio::signal::unix::{SignalKind, signal};

use crate::command_line::{Common, Exit, PROGRAM};

/// The program that opens an address in a browser.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Options of `ui`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    kubectl flashjob ui\n  \
    kubectl flashjob ui --port 8086 --open\n\n\
    The pages and the API of the console (docs/console.md), on 127.0.0.1 alone, until Ctrl-C. Two secrets are printed, and whoever has one of them \
    asks as the person that the kubeconfig names: the address serves once, for a browser; the token is for programs. A write by a \
    browser's session needs the header X-FlashJob-Console: 1.\n\n\
    Rights: none of its own. It shows and does what the person may.")]
pub struct Ui {
    /// Port to listen at. 0: a free one.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,

    /// Namespace of the operator, by whose settings a plan goes.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,

    /// Open the address in a browser. Other people on this machine may read it in the list of processes before the browser has used it.
    #[arg(long)]
    open: bool,
}

impl Ui {
    /// Serves until it is told to end.
    ///
    /// # Errors
    /// When no client can be made, or the port is taken.
    pub async fn run(&self, common: &Common) -> Result<Exit, Failure> {
        let cluster = common.connection.connect().await?;
        let listener = Listener::bind(([127, 0, 0, 1], self.port).into()).await;
        let listener = listener.map_err(|error| {
            format!(
                "cannot listen at 127.0.0.1:{}: {error}; choose another --port",
                self.port
            )
        })?;
        let port = listener.address()?.port();
        let (pass, once) = Pass::new();
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let address = format!("http://127.0.0.1:{port}/");
        let link = format!("{address}#token={}", once.text());
        let namespace = &cluster.namespace;
        write_out(&format!(
            "Open, once: {link}\n\
             Programs send: Authorization: Bearer {}\n\
             To {address}api/v1/namespaces/{namespace}/flashjobs and what {address}docs/ shows. Ctrl-C ends it.\n",
            pass.session().text()
        ))?;
        if self.open {
            open(&link);
        }
        let end = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let desk = cluster.desk(pass, port, &self.operator_namespace);
        listener.serve(console(desk), end).await;
        Ok(Exit::Done)
    }
}

/// Opens an address in a browser, or says that nothing does.
fn open(link: &str) {
    let opener = Command::new(OPENER)
        .arg(link)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opener {
        // It ends when the browser has the address; nobody else waits for it.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => complain(&format!(
            "{PROGRAM}: {OPENER} did not start ({error}): open the address yourself"
        )),
    }
}
