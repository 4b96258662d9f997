//! Clients that take what they can get. The others are served as before.

use std::time::{Duration, Instant};

use cellftp::client::{Address, Client, PutOptions, PutState};
use cellftp::proto::ftps_service_client::FtpsServiceClient;
use cellftp::proto::put_request::Message;
use cellftp::proto::{self, PutHeader, PutRequest};
use tokio::sync::{RwLock, RwLockReadGuard, mpsc};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use crate::house::{House, PATIENCE, content, here, target};

/// Short times, and little memory.
const STRICT: &str = "[transfers]\nstall = \"3s\"\ntrickle = \"500ms\"\nmemory = 65536\n\
                      memory_in_all = 262144\ndisk = 65536\ndisk_in_all = 131072\n\
                      [module.emulator.knobs]\nbaud = 460800\n";

/// Tests that measure the effect on a neighbour share this lock. A test that loads the whole machine
/// holds it alone.
pub(crate) static MEASURING: RwLock<()> = RwLock::const_new(());

/// A client of another principal, with the results of its work when nobody interferes.
pub(crate) struct Neighbour {
    pub(crate) client: Client,
    before: Duration,
    _measures: RwLockReadGuard<'static, ()>,
}

impl Neighbour {
    pub(crate) async fn of(house: &House) -> Self {
        house.store("small", b"content");
        let address = house.tcp.parse::<Address>().unwrap();
        let mut neighbour = Self {
            client: Client::connect(&address).await.unwrap(),
            before: Duration::ZERO,
            _measures: MEASURING.read().await,
        };
        neighbour.work().await;
        neighbour.before = neighbour.typical().await;
        neighbour
    }

    /// Asks, writes and reads; every answer is right.
    #[expect(clippy::disallowed_methods, reason = "the test measures real time")]
    async fn work(&self) -> Duration {
        let began = Instant::now();
        let work = async {
            assert_eq!(self.client.size(&here(), "/small").await.unwrap(), 7);
            let (at, sent) = (here(), content(3000));
            let (options, mut source) = (PutOptions::default(), sent.as_slice());
            let put = self.client.put(&at, "/mine", &options, &mut source, |_| ());
            assert_eq!(put.await.unwrap().state(), PutState::VerifiedSize);
            let mut back = Vec::new();
            let download = self.client.get(&here(), "/mine", 0).await.unwrap();
            download.copy_to(&mut back, |_| ()).await.unwrap();
            assert!(back == sent);
        };
        timeout(PATIENCE, work).await.unwrap();
        began.elapsed()
    }

    /// The median of a few.
    async fn typical(&self) -> Duration {
        let mut all = Vec::new();
        for _ in 0..5 {
            all.push(self.work().await);
        }
        all.sort_unstable();
        all[2]
    }

    /// The work takes hardly longer than alone. The processor may be shared, also with other tests,
    /// so a second counts as nothing. `dearer` is what the first piece of it may cost in addition.
    pub(crate) async fn is_served(&self, beside: &str, dearer: Duration) {
        let first = self.work().await;
        let during = self.typical().await;
        println!(
            "beside {beside}: first {first:?}, then {during:?}; alone {:?}",
            self.before
        );
        let bound = self.before * 4 + Duration::from_secs(1);
        assert!(first < bound + dearer, "{first:?}");
        assert!(during < bound + dearer, "{during:?}");
    }
}

/// An upload whose messages the test sends itself.
async fn open_put(
    house: &House,
    header: PutHeader,
) -> (
    mpsc::Sender<PutRequest>,
    tonic::Streaming<proto::PutResponse>,
) {
    let (messages, outgoing) = mpsc::channel(4);
    send(&messages, Message::Header(header)).await;
    let mut ftps = house.ftps().await;
    let answers = ftps.put(ReceiverStream::new(outgoing)).await.unwrap();
    (messages, answers.into_inner())
}

async fn send(messages: &mpsc::Sender<PutRequest>, message: Message) {
    let message = Some(message);
    messages.send(PutRequest { message }).await.unwrap();
}

fn header(path: &str) -> PutHeader {
    PutHeader {
        target: target(),
        path: path.into(),
        ..Default::default()
    }
}

/// How long until a transfer is seen to stand still (`transfers.trickle`) and has given up the link:
/// an abort logs out (SIMCom manual L1218), and the neighbour logs in again. Three operations meet
/// it.
const YIELDS: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_client_that_stops_reading_for_ever() {
    // It is not ended for standing still while the neighbour is at work.
    let patient = STRICT.replace("stall = \"3s\"", "stall = \"25s\"");
    let house = House::with(&patient).await;
    let neighbour = Neighbour::of(&house).await;
    // Forty seconds of the link, and more than lies in all buffers.
    house.store("large", &content(2_000_000));
    let channel = Endpoint::from_shared(format!("unix:{}", house.socket().display()))
        .unwrap()
        .initial_stream_window_size(65_535)
        .connect()
        .await
        .unwrap();
    let request = proto::GetRequest {
        target: target(),
        path: "/large".into(),
        ..Default::default()
    };
    let answers = FtpsServiceClient::new(channel).get(request).await.unwrap();
    let mut answers = answers.into_inner();
    answers.message().await.unwrap();
    timeout(PATIENCE, stands_still(&neighbour.client))
        .await
        .unwrap();
    neighbour
        .is_served("one that stopped reading", YIELDS)
        .await;
    let queue = neighbour.client.queue().await.unwrap().operations;
    assert_eq!(queue.len(), 1, "it is still there: {queue:?}");
    drop(answers);
}

/// Until all buffers are full. Before that, it is a download like any other.
async fn stands_still(client: &Client) {
    let mut before = 0;
    loop {
        let bytes = client.queue().await.unwrap().operations[0].moved_bytes;
        if bytes > 0 && bytes == before {
            return;
        }
        before = bytes;
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_client_that_sends_a_byte_a_second() {
    let house = House::with(STRICT).await;
    let neighbour = Neighbour::of(&house).await;
    let (messages, _answers) = open_put(&house, header("/drip")).await;
    let dripping = async {
        loop {
            send(&messages, Message::Chunk(b"x".as_slice().into())).await;
            sleep(Duration::from_secs(1)).await;
        }
    };
    let served = async {
        neighbour.is_served("a byte a second", YIELDS).await;
    };
    tokio::select! {
        () = dripping => {}
        () = served => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_client_that_opens_ten_thousand_sessions() {
    let house = House::with("").await;
    let neighbour = Neighbour::of(&house).await;
    let ftps = house.ftps().await;
    let opening = tokio::spawn(async move {
        let mut opened = 0;
        for _ in 0..100 {
            let tries: Vec<_> = (0..100)
                .map(|_| {
                    let mut ftps = ftps.clone();
                    tokio::spawn(async move {
                        let request = proto::OpenSessionRequest {
                            destination: Some(proto::open_session_request::Destination::Profile(
                                "here".into(),
                            )),
                            ..Default::default()
                        };
                        ftps.open_session(request).await.is_ok()
                    })
                })
                .collect();
            for each in tries {
                opened += usize::from(each.await.unwrap());
            }
        }
        opened
    });
    let at_once = Duration::from_secs(1);
    neighbour
        .is_served("one that opens sessions", at_once)
        .await;
    let opened = timeout(PATIENCE, opening).await.unwrap().unwrap();
    assert!((1..=256).contains(&opened), "{opened} sessions");
    neighbour
        .is_served("one that has opened sessions", Duration::ZERO)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_client_that_announces_four_gibibytes() {
    let house = House::with(STRICT).await;
    let neighbour = Neighbour::of(&house).await;
    let header = PutHeader {
        size: Some(4 << 30),
        ..header("/huge")
    };
    let (messages, mut answers) = open_put(&house, header).await;
    send(&messages, Message::Chunk(content(30_000).into())).await;
    neighbour
        .is_served("four announced gibibytes", YIELDS)
        .await;
    let ended = async { while let Ok(Some(_)) = answers.message().await {} };
    timeout(PATIENCE, ended).await.unwrap();
    assert!(!house.root().join("huge").exists());
}

/// A waiting Get is told its place before its file comes, and the file is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_waits_is_told_its_place() {
    let house = House::slow().await;
    house.store("large", &content(200_000));
    let client = house.client().await;
    let first = client.get(&here(), "/large", 0).await.unwrap();
    // The first place that is told is checked.
    let (tell, mut told) = mpsc::channel(1);
    let at = here();
    let second = client.get_telling(&at, "/large", 0, move |progress| {
        let _ = tell.try_send(progress.queue_position);
    });
    let mut back = Vec::new();
    let (mut nowhere, second) = (tokio::io::sink(), async {
        second.await.unwrap().copy_to(&mut back, |_| ()).await
    });
    let (first, second) = tokio::join!(first.copy_to(&mut nowhere, |_| ()), second);
    first.unwrap();
    second.unwrap();
    assert!(back == content(200_000));
    assert_eq!(
        told.recv().await,
        Some(0),
        "nobody goes first but the one on the link"
    );
}
