//! `kubectl flashjob get -w`: a job on the terminal while it changes.

use std::{pin::Pin, time::Instant};

use crossterm::event::{Event, EventStream, KeyEvent, KeyEventKind};
use flashjob_operator::{
    cli::{
        job::{class, selection},
        terminal::{Failure, words},
    },
    cluster::{ApiError, clock::now},
    display,
};
use futures::{
    Stream, StreamExt, future, stream,
    stream::{AbortHandle, SelectAll, abortable},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{interval, timeout_at},
};

use super::{
    approve::approve,
    suspend::{resume, suspend},
};
use crate::{
    cluster::{Cluster, Seen, help, watch_job},
    command_line::Exit,
    live::{Journal, Live, Order, Pace, Stage, Surroundings},
    show::{Screen, Tone},
};

/// How often ages grow.
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// Something that changes the picture.
enum Happening {
    /// The job changed, or the watch of it.
    Job(Result<Seen, ApiError>),
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size, or time has passed.
    Redraw,
    /// The terminal is gone, for this reason.
    Blind(std::io::Error),
    /// What is around the job was read.
    Around(Surroundings),
    /// An order was carried out, or not.
    Ordered(Result<String, Failure>),
    /// A line of the log, or its end.
    Log(Option<Result<String, Failure>>),
    /// The program is told to end.
    Ended,
}

type Happenings<'a> = Pin<Box<dyn Stream<Item = Happening> + 'a>>;

/// Shows a job until the person leaves.
struct Watch<'a> {
    cluster: &'a Cluster,
    happenings: SelectAll<Happenings<'a>>,
    live: Option<Live>,
    /// Of which round and selection the surroundings were read.
    around: Option<(i64, String)>,
    log: Option<AbortHandle>,
    name: &'a str,
    wide: bool,
}

/// Shows a job until the person leaves.
///
/// # Errors
/// When the job cannot be read, or is deleted, or the terminal is gone.
pub async fn watch(
    cluster: &Cluster,
    name: &str,
    wide: bool,
    screen: Screen,
) -> Result<Exit, Failure> {
    let mut watch = Watch {
        cluster,
        happenings: SelectAll::new(),
        live: None,
        around: None,
        log: None,
        name,
        wide,
    };
    watch.add(watch_job(cluster, name).map(Happening::Job));
    // A job that cannot be read is told on the terminal as it is.
    while watch.live.is_none() {
        if let Some(exit) = watch.next().await? {
            return Ok(exit);
        }
    }
    let mut stage = Stage::enter(screen.colored)?;
    watch.listen()?;
    let mut pace = Pace::from(Instant::now());
    loop {
        let due = pace.due();
        if due.is_some_and(|due| due <= Instant::now()) {
            watch.draw(&mut stage)?;
            pace.drawn(Instant::now());
            continue;
        }
        let next = match due {
            Some(due) => timeout_at(due.into(), watch.next()).await,
            None => Ok(watch.next().await),
        };
        let Ok(next) = next else { continue };
        if let Some(exit) = next? {
            return Ok(exit);
        }
        pace.change();
    }
}

impl<'a> Watch<'a> {
    fn add(&mut self, happenings: impl Stream<Item = Happening> + 'a) {
        self.happenings.push(Box::pin(happenings));
    }

    /// Keys, sizes, time and signals.
    fn listen(&mut self) -> Result<(), Failure> {
        let events = EventStream::new().filter_map(|event| {
            future::ready(match event {
                // Terminals that tell of releases tell of presses, too.
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Release => None,
                Ok(Event::Key(key)) => Some(Happening::Key(key)),
                Ok(Event::Resize(..)) => Some(Happening::Redraw),
                Ok(_) => None,
                Err(error) => Some(Happening::Blind(error)),
            })
        });
        self.add(events);
        let ticks = stream::unfold(interval(SECOND), |mut ticks| async {
            ticks.tick().await;
            Some((Happening::Redraw, ticks))
        });
        self.add(ticks);
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let signals = stream::unfold(signal(kind)?, |mut signals| async {
                signals.recv().await.map(|()| (Happening::Ended, signals))
            });
            self.add(signals);
        }
        Ok(())
    }

    fn draw(&mut self, stage: &mut Stage) -> Result<(), Failure> {
        if let Some(live) = &mut self.live {
            let frame = live.frame(stage.size()?, now());
            stage.draw(&frame.lines)?;
            live.drawn(&frame);
        }
        Ok(())
    }

    /// Waits for what happens next. Returns what the program ends with, if it does.
    async fn next(&mut self) -> Result<Option<Exit>, Failure> {
        let Some(happening) = self.happenings.next().await else {
            return Ok(Some(Exit::Failed));
        };
        match happening {
            Happening::Job(seen) => self.see(seen?)?,
            Happening::Key(key) => {
                let order = self.live.as_mut().and_then(|live| live.press(key));
                if order == Some(Order::Quit) {
                    return Ok(Some(Exit::Done));
                }
                if let Some(order) = order {
                    self.carry_out(order);
                }
            }
            Happening::Redraw => {}
            Happening::Blind(error) => return Err(error.into()),
            Happening::Ended => return Ok(Some(Exit::Failed)),
            Happening::Around(around) => {
                if let Some(live) = &mut self.live {
                    live.surround(around);
                }
            }
            Happening::Ordered(answer) => self.tell(answer),
            Happening::Log(line) => self.journal(line),
        }
        Ok(None)
    }

    fn see(&mut self, seen: Seen) -> Result<(), Failure> {
        let job = match seen {
            Seen::Job(job) => job,
            Seen::Lost(why) => {
                match &mut self.live {
                    Some(live) => live.lose(why),
                    None => return Err(why.into()),
                }
                return Ok(());
            }
            Seen::Gone => {
                return Err(super::status::gone(
                    self.cluster,
                    self.name,
                    self.live.is_some(),
                ));
            }
        };
        let status = &job.status;
        let round = status.round.as_ref().map_or(0, |round| round.number);
        let hash = status.selection.as_ref().map(|found| found.hash.clone());
        let around = Some((round, hash.unwrap_or_default()));
        if self.around != around {
            self.around = around;
            let (job, reader) = (job.clone(), &self.cluster.reader);
            let read = async move {
                let (selection, class) =
                    future::join(selection(reader, &job), class(reader, &job)).await;
                Happening::Around(Surroundings {
                    selection: selection.map(Into::into),
                    class: class.map(Into::into),
                })
            };
            self.add(stream::once(read));
        }
        match &mut self.live {
            Some(live) => live.see(job),
            None => self.live = Some(Live::of(job, self.wide)),
        }
        Ok(())
    }

    fn carry_out(&mut self, order: Order) {
        let Some(live) = &self.live else { return };
        let (cluster, job) = (self.cluster, live.job().clone());
        match order {
            Order::Quit => {}
            Order::Suspend => self.order(async move { suspend(cluster, &job).await }),
            Order::Resume => self.order(async move { resume(cluster, &job, false).await }),
            Order::Approve(step) => {
                self.order(async move { approve(cluster, &job, Some(&step), None).await });
            }
            Order::Read { title, pod } => self.read(title, pod),
            Order::Close => self.close(),
        }
    }

    fn order(&mut self, order: impl Future<Output = Result<String, Failure>> + 'a) {
        self.add(stream::once(async { Happening::Ordered(order.await) }));
    }

    /// Says what became of an order; where a right is missing, which.
    fn tell(&mut self, answer: Result<String, Failure>) {
        let Some(live) = &mut self.live else { return };
        match answer {
            Ok(words) => live.tell(Tone::Good, words),
            Err(error) => {
                let right = help(error.as_ref())
                    .map(|help| help.lines().next().unwrap_or_default().to_owned());
                live.tell(Tone::Bad, right.unwrap_or_else(|| words(error.as_ref())));
            }
        }
    }

    fn read(&mut self, title: String, pod: String) {
        let Some(live) = &mut self.live else { return };
        live.open(Journal::of(title));
        let (cluster, namespace) = (self.cluster, live.job().namespace.clone());
        let lines = async move {
            let opened = cluster.log(&namespace, &pod, true).await;
            match opened {
                Ok(lines) => lines.map(|line| Ok(line?)).left_stream(),
                Err(error) => stream::once(future::ready(Err(error.into()))).right_stream(),
            }
        };
        let lines = stream::once(lines)
            .flatten()
            .map(|line| Happening::Log(Some(line)));
        let lines = lines.chain(stream::once(future::ready(Happening::Log(None))));
        let (lines, log) = abortable(lines);
        self.log = Some(log);
        self.add(lines);
    }

    fn close(&mut self) {
        if let Some(log) = self.log.take() {
            log.abort();
        }
    }

    fn journal(&mut self, line: Option<Result<String, Failure>>) {
        let Some(journal) = self.live.as_mut().and_then(Live::journal) else {
            return;
        };
        match line {
            Some(Ok(line)) => journal.add(display::line(&line, display::LINE).into_owned()),
            Some(Err(error)) => journal.end(words(error.as_ref())),
            None => journal.end("The log has ended.".to_owned()),
        }
    }
}
