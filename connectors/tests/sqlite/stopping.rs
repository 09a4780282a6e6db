//! Does a read stop when it is told to, and leave nothing open?

use super::*;

/// A view whose only row would come after hours.
const ENDLESS: &str = "CREATE VIEW endless AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k) SELECT i FROM k WHERE i < 0;
    CREATE VIEW stream AS WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k) SELECT i FROM k";

#[tokio::test]
async fn stops_when_told() {
    let file = File::with(ENDLESS).await;
    let connector = SqliteConnector::new();
    let mut cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "endless").await.unwrap();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cx.cancel.cancel();
    };
    let started = Instant::now();
    let (outcome, ()) = tokio::join!(
        read(&connector, &cx, scan(&spec, &["i"], Guard::none(), vec![])),
        cancel
    );
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(1));

    cx = context(&file.connection);
    cx.deadline = lakegate_connectors::call::Deadline::after(Duration::from_millis(200));
    let error = read(&connector, &cx, scan(&spec, &["i"], Guard::none(), vec![]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ConnectorErrorKind::Timeout);

    // A slow consumer holds a few batches, and dropping the stream closes the file.
    cx = context(&file.connection);
    let spec = table(&connector, &cx, "main", "stream").await.unwrap();
    let (_, mut stream) = open(&connector, &cx, scan(&spec, &["i"], Guard::none(), vec![]))
        .await
        .unwrap();
    assert!(stream.batches.try_next().await.unwrap().is_some());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(cx.counters.snapshot().rows <= 4 * u64::try_from(relational::BATCH_ROWS).unwrap());
    assert!(handles(&file) > 0);
    drop(stream);
    let started = Instant::now();
    while handles(&file) > 0 {
        assert!(started.elapsed() < Duration::from_secs(1), "SQLite still works");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How often the database file is open in this process.
fn handles(file: &File) -> usize {
    let ours = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(&file.directory))
    };
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(Result::ok)
        .filter(ours)
        .count()
}
