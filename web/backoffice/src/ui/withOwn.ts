/** Return the choices with what an object has already, which may be archived, further down the list, or of somebody who has left. */
export function withOwn<Choice extends { id: string }>(choices: readonly Choice[], ...own: (Choice | null | undefined)[]): Choice[] {
  const missing = own.filter((each) => each != null && !choices.some(({ id }) => id === each.id));
  return [...choices, ...(missing as Choice[])];
}
