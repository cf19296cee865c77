// The moment of a video runs through the plot of its units, and a click on the plot goes there. Where a job begins while
// the stage is out of sight, as on a telephone, the page moves there.
(() => {
  const video = (field) => field.dataset.follows && document.querySelector(field.dataset.follows);
  const run = () => {
    for (const field of document.querySelectorAll('.plot .field')) {
      const seen = video(field), now = seen ? seen.currentTime / field.dataset.seconds : 0;
      const mark = field.querySelector('b');
      if (mark) mark.style.left = `${100 * Math.min(now, 1)}%`;
    }
    requestAnimationFrame(run);
  };
  document.addEventListener('click', (event) => {
    const field = event.target.closest('.plot .field'), seen = field && video(field);
    if (seen) {
      const box = field.getBoundingClientRect();
      seen.currentTime = field.dataset.seconds * (event.clientX - box.left) / box.width;
    }
    if (event.target.closest('[id^=speak-sample], #speak-start'))
      document.querySelector('#speak-stage').scrollIntoView({behavior: 'smooth', block: 'nearest'});
  });
  document.addEventListener('loadedmetadata', ({target}) =>
    target.style.setProperty('--ratio', target.videoWidth / target.videoHeight || 1), true);
  run();
})();
