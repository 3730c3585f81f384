"""How do I add an object while frames come, and correct a mask on a frame that has gone by?"""

import streamtrack as st
from streamtrack.scenes.scene import make_scene

scene = make_scene("demo")  # in place of a camera: a picture at a time, (H, W, 3) uint8 RGB
session = st.Tracker.from_checkpoint("nano").new_session()
truth = scene.render(0)[1]
first, second = (mask.nonzero() for mask in list(truth.values())[:2])

session.add(1, points=[(first[1].mean(), first[0].mean())], label="first")  # from the next frame on
for index in range(10):
    result = session.step(scene.render(index)[0])
    if index == 4:  # an object comes: prompted on a frame that was tracked, and followed from there to now
        session.add(2, box=(second[1].min(), second[0].min(), second[1].max(), second[0].max()), at_frame=0)
    if index == 7:  # a click takes a part away three frames ago, and from every frame since
        session.correct(1, points=[(second[1].mean(), second[0].mean())], labels=[0], at_frame=index - 3)
    for object_id, found in result.objects.items():
        print(index, object_id, found.state, found.area_px, *(event.kind for event in result.events))
