//! Trees whose listings lie, or have no end.

use super::*;
use crate::broker::flow::tree::{WalkCount, Walked};
use simcom_talk::dialogue::operation::Task;
use simcom_talk::ftps::errcode::ErrCode;

const FOLDER: &str = "drwxr-xr-x 2 u g 4096 Jan 01 2020 ";
const FILE: &str = "-rw-r--r-- 1 u g 100 Jan 01 2020 ";
const LINK: &str = "lrwxrwxrwx 1 u g 9 Jan 01 2020 ";

/// The reported tree at `/t`: directories with entries, directories that failed, and the counts.
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

/// More names than are kept at once, below a directory that has as many.
#[tokio::test(start_paused = true)]
async fn a_large_tree_is_removed_in_parts() {
    let mut module = Module::new().folder("/t").folder("/t/sub").folder("/other");
    for at in 0..6000 {
        let long = "x".repeat(60);
        module = module.file(&format!("/t/{long}{at}"), Vec::new());
        module = module.file(&format!("/t/sub/{long}{at}"), Vec::new());
    }
    let module = module.file("/other/f", Vec::new());
    let (broker, module) = broker(module);
    let mut removing = broker
        .remove_tree(&caller("me"), &profile(), &path("/t"))
        .unwrap();
    let mut told = 0;
    while let Some(removed) = removing.next().await {
        assert!(removed.outcome.is_ok(), "{removed:?}");
        told += 1;
    }
    let count = removing.finish().await.unwrap();
    assert_eq!(
        (count.files, count.directories, count.failed),
        (12_000, 2, 0)
    );
    assert_eq!(told, 12_002);
    let listings = module.log();
    let listings = listings
        .iter()
        .filter(|(_, task)| matches!(task, Task::List(_)));
    assert!(listings.count() > 4, "in parts");
    assert!(module.content("/other/f").is_some());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_deleted_is_told_and_keeps_its_directories() {
    let module = Module::new().folder("/t").folder("/t/a").folder("/t/b");
    let module = module.file("/t/a/f", Vec::new());
    module.refuses_deletions();
    let (broker, _) = broker(module);
    let mut removing = broker
        .remove_tree(&caller("me"), &profile(), &path("/t/"))
        .unwrap();
    let mut told = Vec::new();
    while let Some(removed) = removing.next().await {
        told.push((removed.name, removed.outcome.is_ok()));
    }
    told.sort();
    let want = [("", false), ("a", false), ("a/f", false), ("b", true)];
    assert_eq!(told, want.map(|(name, gone)| (name.to_owned(), gone)));
    let count = removing.finish().await.unwrap();
    assert_eq!((count.files, count.directories, count.failed), (0, 1, 3));
    assert!(count.outcome().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_ends_a_walk_and_is_not_told_of_each_directory() {
    let module = Module::new().folder("/t").folder("/t/a").folder("/t/b");
    let (broker, module) = broker(module);
    let mut walk = broker
        .walk(&caller("me"), &profile(), Some(&path("/t")), None)
        .unwrap();
    assert!(matches!(walk.next().await.unwrap(), Walked::Entries { .. }));
    module.refuses_logins([ErrCode::REJECTED; 100]);
    let error = walk.next().await.unwrap_err();
    assert_eq!(error.failure().unwrap().stage, failure::Stage::Login);
}
