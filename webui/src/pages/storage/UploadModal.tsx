import {
  Alert,
  Button,
  FileUpload,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Progress,
} from "@patternfly/react-core";
import { type FormEvent, useRef, useState } from "react";
import { ApiError } from "../../api/client";
import { type Uploadable, uploadFile } from "../../api/storage";
import { t } from "../../i18n";
import { useApp } from "../../state/app";
import { errorText } from "../../state/errorText";
import { bytes, percent } from "../../state/format";
import { guessContent } from "../../state/uploadKind";
import { AsCode } from "../common/AsCode";
import { HelpLink } from "../common/HelpLink";
import { contentLabel } from "./contentLabel";

interface Props {
  node: string;
  storage: string;
  kinds: readonly Uploadable[];
  onClose: () => void;
}

export function UploadModal({ node, storage, kinds, onClose }: Props) {
  const { watchTask } = useApp();
  const [content, setContent] = useState<Uploadable>(kinds[0] ?? "iso");
  const [file, setFile] = useState<File | null>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [error, setError] = useState<string | null>(null);
  const abort = useRef<AbortController>(null);
  const busy = sent !== null;
  const target = { node, storage, content };

  const choose = (chosen: File) => {
    setFile(chosen);
    setError(null);
    const guess = guessContent(chosen.name);
    if (guess && kinds.includes(guess)) setContent(guess);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!file || busy) return;
    const controller = new AbortController();
    abort.current = controller;
    setError(null);
    setSent(0);
    try {
      watchTask(await uploadFile(target, file, { onProgress: setSent, signal: controller.signal }));
      onClose();
    } catch (reason) {
      setSent(null);
      if (reason instanceof ApiError) setError(errorText(reason));
    }
  };
  const close = () => {
    abort.current?.abort();
    onClose();
  };

  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="upload-title">
      <ModalHeader title={t("upload.title", { storage })} labelId="upload-title" help={<HelpLink topic="upload" />} />
      <ModalBody>
        <div className="hf-stack">
          {error && <Alert component="p" variant="danger" isInline title={error} />}
          <Form id="upload-form" onSubmit={(event) => void submit(event)}>
            <FormGroup label={t("upload.file")} isRequired fieldId="upload-file">
              <FileUpload
                id="upload-file"
                hideDefaultPreview
                filename={file?.name ?? ""}
                filenamePlaceholder={t("upload.placeholder")}
                browseButtonText={t("upload.browse")}
                clearButtonText={t("upload.clear")}
                isClearButtonDisabled={!file || busy}
                isDisabled={busy}
                onFileInputChange={(_event, chosen) => choose(chosen)}
                onClearClick={() => setFile(null)}
              />
            </FormGroup>
            <FormGroup label={t("volume.content")} fieldId="upload-content">
              <FormSelect
                id="upload-content"
                value={content}
                isDisabled={busy}
                onChange={(_event, value) => setContent(kinds.find((kind) => kind === value) ?? content)}
              >
                {kinds.map((kind) => (
                  <FormSelectOption key={kind} value={kind} label={contentLabel(kind)} />
                ))}
              </FormSelect>
            </FormGroup>
          </Form>
          {file && sent !== null && (
            <Progress
              value={Math.round(sent * 100)}
              title={t("upload.progress", { sent: bytes(sent * file.size), size: bytes(file.size) })}
              label={percent(sent)}
            />
          )}
          {file && <AsCode order={() => uploadFile(target, file, {})} />}
        </div>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form="upload-form" isDisabled={!file || busy} isLoading={busy}>
          {t("upload")}
        </Button>
        <Button variant="link" onClick={close}>
          {t("cancel")}
        </Button>
      </ModalFooter>
    </Modal>
  );
}
