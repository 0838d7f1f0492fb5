//! The program on a terminal of its own: what is on its screen, and keys that are pressed.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use testbed::{Space, paths::program};

/// How long something may take to appear.
const PATIENCE: Duration = Duration::from_mins(1);

/// See the module's documentation.
pub struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    before: String,
}

impl Terminal {
    /// The program with these arguments on 24 rows of 80 columns, as the person of that kubeconfig in the namespace of the test.
    pub fn start(space: &Space, kubeconfig: &Path, arguments: &[&str]) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            ..PtySize::default()
        };
        let pty = native_pty_system().openpty(size).expect("a terminal");
        let before = settings(&*pty.master);
        let mut command = CommandBuilder::new(program("kubectl-flashjob"));
        command.args(arguments);
        command.args(["-n", &space.name]);
        command.env("KUBECONFIG", kubeconfig);
        command.env("TERM", "xterm-256color");
        let child = pty.slave.spawn_command(command).expect("the program runs");
        drop(pty.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::default()));
        let mut reader = pty.master.try_clone_reader().expect("a reader");
        let shown = screen.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                shown.lock().expect("the screen").process(&bytes[..count]);
            }
        });
        Self {
            screen,
            keys: pty.master.take_writer().expect("a keyboard"),
            master: pty.master,
            child,
            before,
        }
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.screen.lock().expect("the screen").screen().contents()
    }

    /// What this makes of the screen.
    pub fn with_screen<T>(&self, make: impl FnOnce(&vt100::Screen) -> T) -> T {
        make(self.screen.lock().expect("the screen").screen())
    }

    /// Waits until these words are on the screen.
    pub fn shows(&self, words: &str) {
        self.waits(words, |text| text.contains(words));
    }

    /// Waits until these words are on the screen no more.
    pub fn hides(&self, words: &str) {
        self.waits(words, |text| !text.contains(words));
    }

    fn waits(&self, words: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.text()) {
            assert!(Instant::now() < deadline, "{words:?}:\n{}", self.text());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("keys are taken");
        self.keys.flush().expect("keys are taken");
    }

    /// Gives the terminal another size.
    pub fn resize(&self, rows: u16, cols: u16) {
        let shown = |count| NonZeroU16::new(count).expect("a size");
        let mut screen = self.screen.lock().expect("the screen");
        screen.screen_mut().set_size(shown(rows), shown(cols));
        drop(screen);
        let size = PtySize {
            rows,
            cols,
            ..PtySize::default()
        };
        self.master.resize(size).expect("another size");
    }

    /// Waits for the end of the program, which leaves the terminal as it was. Returns its exit code.
    pub fn ends(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "still runs:\n{}", self.text());
            thread::sleep(Duration::from_millis(50));
        };
        self.waits("the screen from before", |_| {
            let screen = self.screen.lock().expect("the screen");
            !screen.screen().alternate_screen() && !screen.screen().hide_cursor()
        });
        assert_eq!(settings(&*self.master), self.before);
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.child.kill();
    }
}

/// Whether what is typed is echoed, read by the line, and so on.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("settings"))
}
