/** From how many units down a product is running out. */
export const LOW = 10;
