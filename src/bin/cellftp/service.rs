//! `cellftp module ...`: the module itself, and its FTPS service.

use serde_json::{Value, json};

use crate::args::{Args, ServiceCommand};
use crate::failure::Failure;
use crate::output::{Plain, print};
use cellftp::client::{Client, CommandForm, DataAddressMode, GetCapabilitiesResponse};

pub(crate) async fn run(
    args: &Args,
    command: &ServiceCommand,
    client: &Client,
) -> Result<(), Failure> {
    match command {
        ServiceCommand::Start => {
            client.start_ftps().await?;
            print(args.json, "", || json!({ "started": true }))
        }
        ServiceCommand::Stop => {
            client.stop_ftps().await?;
            print(args.json, "", || json!({ "started": false }))
        }
        ServiceCommand::Address { mode: None } => {
            let mode = address(client.data_address_mode().await?);
            print(
                args.json,
                format!("{mode}\n"),
                || json!({ "address": mode }),
            )
        }
        ServiceCommand::Address { mode: Some(mode) } => {
            let mode = DataAddressMode::from(*mode);
            client.set_data_address_mode(mode).await?;
            print(args.json, "", || json!({ "address": address(mode) }))
        }
        ServiceCommand::Capabilities => {
            let told = client.capabilities().await?;
            print(args.json, capabilities(&told), || value(&told))
        }
        ServiceCommand::Forms => {
            let forms = client.command_forms().await?;
            let text: String = forms.iter().map(form).collect();
            print(args.json, text, || {
                let forms = forms.iter().map(|form| {
                    json!({
                        "command": form.command,
                        "lines": form.lines,
                        "result": form.result,
                    })
                });
                forms.collect()
            })
        }
        ServiceCommand::At { line } => {
            let answer = client.at_command(line).await?;
            let text = said(&answer.lines, &answer.result);
            print(
                args.json,
                text,
                || json!({ "lines": answer.lines, "result": answer.result }),
            )
        }
    }
}

/// The mode as `cellftp module address` takes it.
fn address(mode: DataAddressMode) -> &'static str {
    match mode {
        DataAddressMode::FromReply => "reply",
        DataAddressMode::SameAsControl => "control",
        DataAddressMode::Unspecified => "unknown",
    }
}

fn form(form: &CommandForm) -> String {
    let answer = said(&form.lines, &form.result);
    let answer = answer.trim_end().replace('\n', "  ");
    format!("{:24} {answer}\n", form.command)
}

fn said(lines: &[String], result: &str) -> String {
    let lines: String = lines
        .iter()
        .map(|line| format!("{}\n", Plain(line)))
        .collect();
    format!("{lines}{}\n", Plain(result))
}

fn capabilities(told: &GetCapabilitiesResponse) -> String {
    let yes = |known: bool| if known { "yes" } else { "no" };
    let probe = told.probe_answers.iter().map(|probe| {
        let answer = probe.answer.as_deref().unwrap_or("refused");
        format!("{:24} {}\n", probe.command, Plain(answer))
    });
    format!(
        "family       {}\nmodel        {}\nfirmware     {}\nquirks       {}\n\
         paths        {} bytes\ncredentials  {} bytes\nabort        {}\ncache        {}\n\
         blocks       {}\npassive      {}\ntls contexts {}\nnon-ascii    {}\n{}",
        Plain(&told.family),
        Plain(&told.model),
        Plain(&told.firmware),
        told.quirks.join(", "),
        told.max_path_bytes,
        told.max_credential_bytes,
        yes(told.can_abort),
        yes(told.can_read_cache),
        yes(told.can_write_blocks),
        yes(told.can_choose_active),
        yes(told.can_bind_tls),
        told.non_ascii_commands.join(" "),
        probe.collect::<String>(),
    )
}

fn value(told: &GetCapabilitiesResponse) -> Value {
    let probe = told
        .probe_answers
        .iter()
        .map(|probe| json!({ "command": probe.command, "answer": probe.answer }));
    json!({
        "family": told.family,
        "model": told.model,
        "firmware": told.firmware,
        "quirks": told.quirks,
        "max_path": told.max_path_bytes,
        "max_credential": told.max_credential_bytes,
        "max_line": told.max_line_length,
        "abort": told.can_abort,
        "cache": told.can_read_cache,
        "blocks": told.can_write_blocks,
        "mode": told.can_choose_active,
        "tls_contexts": told.can_bind_tls,
        "non_ascii_commands": told.non_ascii_commands,
        "probe": probe.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_one_line() {
        let told = CommandForm {
            command: "AT+CFTPSTYPE=?".into(),
            lines: vec!["+CFTPSTYPE: (A,I)\u{1b}".into()],
            result: "OK".into(),
        };
        assert_eq!(
            form(&told),
            "AT+CFTPSTYPE=?           +CFTPSTYPE: (A,I)\\u{1b}  OK\n"
        );
    }
}
