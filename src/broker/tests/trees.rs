//! Trees whose listings lie, or have no end.

use super::*;
use crate::broker::tree::{WalkCount, Walked};

const FOLDER: &str = "drwxr-xr-x 2 u g 4096 Jan 01 2020 ";
const FILE: &str = "-rw-r--r-- 1 u g 100 Jan 01 2020 ";
const LINK: &str = "lrwxrwxrwx 1 u g 9 Jan 01 2020 ";

/// What is told of the tree at `/t`: directories with entries, directories that failed, and the count.
async fn walked(module: Module, depth: Option<usize>) -> (Vec<String>, Vec<String>, WalkCount) {
    let (broker, _) = broker(module);
    let me = caller("me");
    let mut walk = broker
        .walk(&me, &profile(), Some(&path("/t")), depth)
        .unwrap();
    let id = walk.operation().clone();
    let (mut seen, mut failed) = (Vec::new(), Vec::new());
    let count = loop {
        match walk.next().await.unwrap() {
            Walked::Entries { directory, .. } if seen.last() == Some(&directory) => {}
            Walked::Entries { directory, .. } => seen.push(directory),
            Walked::Failed { directory, error } => {
                assert_eq!(error.operation.as_ref(), Some(&id));
                failed.push(directory);
            }
            Walked::End(count) => break count,
        }
    };
    drop(walk);
    assert!(broker.status().running.is_none());
    (seen, failed, count)
}

fn listing(lines: &[String]) -> Vec<u8> {
    lines.join("\r\n").into_bytes()
}

#[tokio::test(start_paused = true)]
async fn a_tree_without_an_end_is_left_where_it_is_too_deep() {
    let mut module = Module::new();
    let mut at = String::from("/t");
    for _ in 0..80 {
        module = module.file(&at, listing(&[format!("{FOLDER}loop")]));
        at += "/loop";
    }
    let (seen, failed, count) = walked(module, None).await;
    assert_eq!((seen.len(), count.directories), (65, 65));
    assert_eq!(failed, [vec!["loop"; 65].join("/")]);
    assert!(count.outcome().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_walk_goes_where_names_lead_and_nowhere_else() {
    let tree = listing(&[
        format!("{FOLDER}sub"),
        format!("{FOLDER}../up"),
        format!("{FOLDER}/etc"),
        format!("{FOLDER}say \"so\""),
        format!("{FOLDER}gone"),
        format!("{FOLDER}/t/here"),
        format!("{LINK}link -> /t"),
        format!("{FILE}f"),
    ]);
    let module = || {
        Module::new()
            .file("/t", tree.clone())
            .file("/t/sub", listing(&[format!("{FILE}f")]))
            .file("/t/here", Vec::new())
            .file("/up", listing(&[format!("{FILE}secret")]))
            .file("/etc", listing(&[format!("{FILE}secret")]))
    };
    let (seen, mut failed, count) = walked(module(), None).await;
    failed.sort();
    assert_eq!(seen, ["", "sub"]);
    assert_eq!(failed, ["../up", "/etc", "gone", "say \"so\""]);
    let want = WalkCount {
        directories: 3,
        files: 2,
        others: 1,
        bytes: 200,
        failed: 4,
    };
    assert_eq!(count, want);
    let (seen, failed, count) = walked(module(), Some(0)).await;
    assert_eq!((seen.len(), failed.len(), count.directories), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_tree_whose_beginning_cannot_be_listed_is_an_error() {
    let (broker, _) = broker(Module::new());
    let mut walk = broker
        .walk(&caller("me"), &profile(), Some(&path("/none")), None)
        .unwrap();
    let error = walk.next().await.unwrap_err();
    assert_eq!(error.errcode(), Some(9));
    for root in ["/", ".", "a/..", "//"] {
        let removing = broker.remove_tree(&caller("me"), &profile(), &path(root));
        let error = removing.unwrap_err();
        assert!(matches!(error.cause, Cause::RootOfTree), "{root}");
    }
}
