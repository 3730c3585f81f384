// The dialogs about cameras, made once and put at the end of the page. Nothing in here comes from a server.

const MARKUP = `
<dialog id="cameras-dialog" aria-labelledby="cameras-title">
  <form method="dialog">
    <h2 id="cameras-title" data-text="cameras"></h2>
    <p id="cameras-note"></p>
    <p id="cameras-told" role="status" hidden></p>
    <ul class="rule-list" id="camera-list"></ul>
    <button type="button" id="camera-add" data-text="cameraAdd"></button>
    <button type="button" id="config-reload" class="second" data-text="configReload" hidden></button>
    <button type="submit" class="second" data-text="cameraClose"></button>
  </form>
</dialog>
<dialog id="camera-dialog" aria-labelledby="camera-title">
  <form method="dialog">
    <h2 id="camera-title"></h2>
    <label><span data-text="cameraKind"></span><select id="camera-kind">
      <option value="url" data-text="cameraKind_url"></option>
      <option value="webcam" data-text="cameraKind_webcam"></option>
      <option value="file" data-text="cameraKind_file"></option>
    </select></label>
    <label data-kind="url"><span data-text="cameraAddress"></span><input id="camera-url" maxlength="2000"
      autocomplete="off" spellcheck="false" inputmode="url" placeholder="rtsp://user:password@192.168.1.20/stream"></label>
    <label data-kind="webcam"><span data-text="cameraDevice"></span><input id="camera-device" maxlength="200" value="0"
      autocomplete="off" spellcheck="false"></label>
    <label data-kind="file"><span data-text="cameraPath"></span><input id="camera-path" maxlength="2000"
      autocomplete="off" spellcheck="false"></label>
    <p id="camera-no-files" data-text="cameraNoFiles" hidden></p>
    <label id="camera-name-box"><span data-text="cameraName"></span><input id="camera-name" maxlength="64" required
      pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" autocomplete="off" spellcheck="false" data-placeholder="cameraNameHow"></label>
    <label><span data-text="cameraFinds"></span><select id="camera-finds">
      <option value="none" data-text="cameraFinds_none"></option>
      <option value="person" data-text="cameraFinds_person"></option>
      <option value="road" data-text="cameraFinds_road"></option>
      <option value="motion" data-text="cameraFinds_motion"></option>
      <option value="other" data-text="cameraFinds_other"></option>
    </select></label>
    <label><span data-text="cameraRecords"></span><select id="camera-records" aria-describedby="camera-no-archive">
      <option value="off" data-text="cameraRecords_off"></option>
      <option value="continuous" data-text="cameraRecords_continuous"></option>
      <option value="events" data-text="cameraRecords_events"></option>
    </select></label>
    <p id="camera-no-archive" data-text="cameraNoArchive" hidden></p>
    <p id="camera-told" role="status" hidden></p>
    <p id="camera-wrong" role="alert" hidden></p>
    <img id="camera-still" alt="" hidden>
    <div class="camera-acts">
      <button type="button" id="camera-test" class="second" data-text="cameraTest"></button>
      <button type="submit" value="save" id="camera-save" data-text="cameraSave"></button>
      <button type="submit" value="" class="second" data-text="cameraBack" formnovalidate></button>
    </div>
  </form>
</dialog>
<dialog id="camera-remove-dialog" aria-labelledby="camera-remove-question">
  <form method="dialog">
    <h2 id="camera-remove-question"></h2>
    <p data-text="cameraRemoveNote"></p>
    <p id="camera-remove-wrong" role="alert" hidden></p>
    <button type="submit" value="remove" class="danger" data-text="remove"></button>
    <button type="submit" value="" class="second" data-text="cancel"></button>
  </form>
</dialog>
<template id="camera-row">
  <li>
    <span class="rule-name"></span>
    <button type="button" class="change">✎</button>
    <button type="button" class="remove">×</button>
    <span class="rule-counts"></span>
  </li>
</template>`;

/** Puts the dialogs into the page, their texts filled in. */
export function addCameraDialogs(fillTexts) {
  const box = document.createElement("div");
  box.innerHTML = MARKUP;
  fillTexts(box);
  document.body.append(...box.childNodes);
}
