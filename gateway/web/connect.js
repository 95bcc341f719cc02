// Asking Google for nothing would be a detour: at least one box has to be ticked.
const boxes = [...document.querySelectorAll('input[name=features]')];
const check = () => boxes[0].setCustomValidity(boxes.some((box) => box.checked) ? '' : 'Choose at least one.');
boxes.forEach((box) => box.addEventListener('change', check));
check();
